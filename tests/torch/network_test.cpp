// Loading and saving: which files are networks, what loading does to them, and what comes back.
#include "sirfp/adapter/network.hpp"

#include <caffe2/serialize/inline_container.h>
#include <gtest/gtest.h>

#include <fstream>

#include "../support/error_text.hpp"
#include "../support/plain_network.hpp"
#include "../support/temporary_folder.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

const at::Tensor image = at::linspace(-1, 1, 2 * 3 * 4 * 4).view({2, 3, 4, 4});

torch::jit::Module convolution(const at::Tensor& weight) {
  return plain_network()
      .child("stem", weight, "torch.conv2d(x, self.weight)")
      .define("def forward(self, x):\n  return torch.relu(self.stem.forward(x))\n");
}

int count_nodes(const torch::jit::Block* block, const std::string& kind) {
  int count = 0;
  for (const auto* node : block->nodes()) {
    count += node->kind().toQualString() == kind;
    for (const auto* inner : node->blocks()) count += count_nodes(inner, kind);
  }
  return count;
}

void write(const std::filesystem::path& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }

std::string refusal(const std::filesystem::path& path) {
  return error_text<invalid_argument>([&] { adapter::load_network(path); });
}

TEST(network, missing_file_folder_and_text_are_told_apart) {
  const temporary_folder folder;
  SIRFP_EXPECT_HAS(refusal(folder / "absent.pt"), "absent.pt: no such file");
  SIRFP_EXPECT_HAS(refusal(folder.path()), "a folder");
  write(folder / "notes.pt", "hello");
  SIRFP_EXPECT_HAS(refusal(folder / "notes.pt"), "notes.pt: not a TorchScript file");
  write(folder / "empty.pt", "");
  SIRFP_EXPECT_HAS(refusal(folder / "empty.pt"), "not a TorchScript file");
}

TEST(network, truncated_file_says_so_in_one_line) {
  const temporary_folder folder;
  convolution(at::randn({8, 3, 1, 1})).save((folder / "net.pt").string());
  const auto size = std::filesystem::file_size(folder / "net.pt");
  for (const auto left : {size - 1, size / 2, std::uintmax_t{100}}) {
    std::filesystem::resize_file(folder / "net.pt", left);
    const auto message = refusal(folder / "net.pt");
    SIRFP_EXPECT_HAS(message, "net.pt: truncated or not a TorchScript file");
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(network, eager_checkpoint_is_answered_with_how_to_trace) {
  const temporary_folder folder;
  {
    caffe2::serialize::PyTorchStreamWriter zip((folder / "state.pt").string());
    zip.writeRecord("data.pkl", "abc", 3);
    zip.writeEndOfFile();
  }
  SIRFP_EXPECT_HAS(refusal(folder / "state.pt"), "torch.jit.trace(");
  write(folder / "legacy.pt", "\x80\x02\x8a\nl\xfc");
  SIRFP_EXPECT_HAS(refusal(folder / "legacy.pt"), "eager checkpoint");
  {
    caffe2::serialize::PyTorchStreamWriter zip((folder / "other.zip").string());
    zip.writeRecord("readme", "abc", 3);
    zip.writeEndOfFile();
  }
  SIRFP_EXPECT_HAS(refusal(folder / "other.zip"), "a zip archive, but not a TorchScript file");
}

TEST(network, inputs_that_are_not_one_batch_are_refused) {
  SIRFP_EXPECT_HAS(
      error_text<invalid_argument>([] { adapter::load_network(plain_network().define("def forward(self, x, y):\n  return x + y\n")); }),
      "2 inputs (y has no default)");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>(
                       [] { adapter::load_network(plain_network().define("def forward(self, x: List[Tensor]):\n  return x[0]\n")); }),
                   "takes a Tensor[]");
  const auto net = adapter::load_network(plain_network().define("def forward(self, x, scale: float = 3.0):\n  return x * scale\n"));
  EXPECT_TRUE(at::equal(adapter::run(net, image).toTensor(), image * 3.0));
}

TEST(network, calls_are_inlined_and_remember_their_module) {
  const auto net = adapter::load_network(convolution(at::randn({8, 3, 1, 1})));
  EXPECT_EQ(count_nodes(net.graph->block(), "prim::CallMethod"), 0);
  for (auto* node : net.graph->nodes()) {
    if (node->kind().toQualString() == std::string("aten::conv2d")) {
      EXPECT_STREQ(node->scope()->name().toUnqualString(), "stem");
    }
    if (node->kind().toQualString() == std::string("aten::relu")) {
      EXPECT_TRUE(node->scope()->isRoot() || node->scope()->isBlank());
    }
  }
}

TEST(network, training_code_constant_loops_and_dead_code_go) {
  auto module = plain_network()
                    .attribute("steps", c10::IntType::get(), 3)
                    .attribute("bias", c10::OptionalType::create(c10::TensorType::get()), c10::IValue())
                    .define(
                        "def forward(self, x):\n"
                        "  if self.training:\n"
                        "    x = torch.dropout(x, 0.5, True)\n"
                        "  b = self.bias\n"
                        "  if b is not None:\n"
                        "    x = x + b\n"
                        "  unused = torch.sin(x)\n"
                        "  for i in range(self.steps):\n"
                        "    x = x + i\n"
                        "  return x\n");
  module.train();
  const auto net = adapter::load_network(module);
  const auto* block = net.graph->block();
  for (const char* gone : {"prim::If", "prim::Loop", "aten::dropout", "aten::sin"}) EXPECT_EQ(count_nodes(block, gone), 0) << gone;
  EXPECT_TRUE(module.is_training()) << "the caller's module changed";
  EXPECT_TRUE(at::equal(adapter::run(net, image).toTensor(), image + 0 + 1 + 2));
}

class narrow_network : public testing::TestWithParam<c10::ScalarType> {};

TEST_P(narrow_network, widens_and_comes_back_as_it_was) {
  const auto type = GetParam();
  const std::string literal = std::to_string(static_cast<int>(type));
  const at::Tensor weight = at::randn({8, 3, 1, 1}).to(type);
  const at::Tensor count = at::tensor({7}, at::kLong);
  const auto module = plain_network()
                          .tensor("weight", weight)
                          .tensor("count", count, true)
                          .define("def forward(self, x):\n  y = torch.conv2d(x.to(" + literal +
                                  "), self.weight)\n  return y + torch.ones([1, 8, 1, 1], dtype=" + literal + ") * self.count\n");
  const auto net = adapter::load_network(module);
  EXPECT_EQ(net.stored, type);
  EXPECT_EQ(module.attr("weight").toTensor().scalar_type(), type) << "the caller's module changed";
  EXPECT_EQ(net.module.attr("weight").toTensor().scalar_type(), c10::kFloat);
  EXPECT_EQ(net.module.attr("count").toTensor().scalar_type(), c10::kLong);
  const at::Tensor output = adapter::run(net, image).toTensor();
  ASSERT_EQ(output.scalar_type(), c10::kFloat);
  EXPECT_TRUE(at::allclose(output, at::conv2d(image, weight.to(c10::kFloat)) + 7, 1e-6, 1e-6));

  const temporary_folder folder;
  adapter::save_network(net, folder / "net.pt");
  EXPECT_EQ(folder.entries(), 1);
  const auto saved = torch::jit::load((folder / "net.pt").string());
  EXPECT_TRUE(at::equal(saved.attr("weight").toTensor(), weight));
  EXPECT_EQ(saved.attr("count").toTensor().scalar_type(), c10::kLong);
}
INSTANTIATE_TEST_SUITE_P(types, narrow_network, testing::Values(c10::kHalf, c10::kBFloat16));

// What apply does: a fresh module whose forward is the widened graph.
TEST(network, widened_constants_of_a_copied_graph_are_narrowed_again) {
  const auto module =
      plain_network()
          .tensor("weight", at::randn({4, 3, 1, 1}).to(c10::kHalf))
          .define(
              "def forward(self, x):\n  return torch.conv2d(x.to(5), self.weight) + torch.ones([1], dtype=5) + torch.ones([1], dtype=6)\n");
  auto net = adapter::load_network(module);
  torch::jit::Module fresh(c10::QualifiedName("__torch__.fresh"), std::make_shared<torch::jit::CompilationUnit>(), true);
  fresh.register_parameter("weight", net.module.attr("weight").toTensor(), false);
  auto graph = net.graph->copy();
  graph->inputs()[0]->setType(fresh.type());
  auto* forward = fresh._ivalue()->compilation_unit()->create_function(c10::QualifiedName(*fresh.type()->name(), "forward"), graph);
  fresh.type()->addMethod(forward);
  net.module = fresh;
  const temporary_folder folder;
  adapter::save_network(net, folder / "net.pt");
  const auto saved = torch::jit::load((folder / "net.pt").string());
  const auto again = adapter::load_network(folder / "net.pt");
  EXPECT_EQ(again.stored, c10::kHalf);
  EXPECT_TRUE(at::equal(adapter::run(again, image).toTensor(), adapter::run(net, image).toTensor()));
  // In the file the sum of both constants is what torch gives for half + half + float.
  const auto text = saved.get_method("forward").graph()->toString(false);
  SIRFP_EXPECT_HAS(text, "value=5");
}

TEST(network, saves_whole_or_not_at_all) {
  const temporary_folder folder;
  const auto net = adapter::load_network(convolution(at::randn({8, 3, 1, 1})));
  adapter::save_network(net, folder / "net.pt");
  const auto again = adapter::load_network(folder / "net.pt");
  EXPECT_EQ(again.path, folder / "net.pt");
  EXPECT_TRUE(at::equal(adapter::run(again, image).toTensor(), adapter::run(net, image).toTensor()));
  SIRFP_EXPECT_HAS(error_text<failure>([&] { adapter::save_network(net, folder / "none" / "net.pt"); }), "cannot write");
  EXPECT_EQ(folder.entries(), 1);
}

}  // namespace
}  // namespace sirfp::test
