// The slim and the masked file: what they keep of the original, and what they refuse.
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "../support/error_text.hpp"
#include "../support/masked_and_slim.hpp"
#include "../support/script_network.hpp"
#include "../support/temporary_folder.hpp"

namespace sirfp::test {
namespace {

// A network, its analysis and one plan with random removals.
struct prepared {
  explicit prepared(const torch::jit::Module& module, at::Tensor example) : net(adapter::load_network(module)), input(std::move(example)) {
    analyse();
  }
  explicit prepared(const std::filesystem::path& path, at::Tensor example) : net(adapter::load_network(path)), input(std::move(example)) {
    analyse();
  }

  void analyse() {
    captured = adapter::capture(net, input);
    graph = analyse_channels(captured.ops);
    std::mt19937_64 random(3);
    mask = random_mask(graph, random);
    p = plan_of(captured.ops, graph, captured.fingerprint, mask);
    weights =
        adapter::compensate(reference_context(), net, captured, graph, mask, random_moments(graph, random), compensation::least_squares);
  }
  adapter::network slim() const { return adapter::slim_network(net, captured, graph, p, weights); }
  adapter::network masked() const { return adapter::masked_network(net, captured, graph, p, weights); }

  adapter::network net;
  at::Tensor input;
  adapter::captured_network captured;
  channel_graph graph;
  channel_mask mask;
  plan p;
  adapter::compensated_weights weights;
};

at::Tensor output_of(torch::jit::Module module, const at::Tensor& input) {
  const c10::InferenceMode inference;
  return module.forward({input}).toTensor();
}

std::set<std::string> names_of(const torch::jit::Module& module) {
  std::set<std::string> names;
  for (const auto& attribute : module.named_attributes())
    if (attribute.value.isTensor()) names.insert(attribute.name);
  return names;
}

torch::jit::Module plain_network(script_network& net) {
  net.conv("stem", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  net.batch_norm("norm", 8);
  net.conv("middle", {.in = 8, .out = 8, .kernel = 3, .padding = 1, .bias = false});
  net.conv("head", {.in = 8, .out = 3});
  return net.build(
      "  y = torch.relu(self.norm.forward(self.stem.forward(x)))\n  return self.head.forward(torch.relu(self.middle.forward(y)) + y)\n");
}

TEST(apply, slim_file_loads_without_sirfp_and_keeps_its_names) {
  script_network maker(1);
  const torch::jit::Module module = plain_network(maker);
  const prepared all(module, maker.normal({1, 3, 8, 8}));
  const adapter::network slim = all.slim();
  std::stringstream file;
  slim.module.save(file);
  const torch::jit::Module loaded = torch::jit::load(file);
  EXPECT_TRUE(at::equal(output_of(loaded, all.input), output_of(slim.module, all.input)));
  EXPECT_FALSE(loaded.is_training());
  std::set<std::string> expected = names_of(module);
  expected.insert("middle.bias");  // which compensation adds
  EXPECT_EQ(names_of(loaded), expected);
  std::set<std::string> trained;
  for (const auto& parameter : loaded.named_parameters()) trained.insert(parameter.name);
  EXPECT_TRUE(trained.contains("middle.bias"));
  EXPECT_FALSE(trained.contains("norm.running_mean"));
  EXPECT_EQ(loaded.get_methods().size(), 1u);
}

TEST(apply, original_is_left_as_it_was) {
  script_network maker(2);
  const torch::jit::Module module = plain_network(maker);
  const at::Tensor input = maker.normal({1, 3, 8, 8});
  std::map<std::string, at::Tensor> before;
  for (const auto& attribute : module.named_attributes())
    if (attribute.value.isTensor()) before[attribute.name] = attribute.value.toTensor().clone();
  const at::Tensor output = output_of(module, input);
  const prepared all(module, input);
  const adapter::network slim = all.slim();
  const adapter::network masked = all.masked();
  for (adapter::network net : {slim, masked})
    for (const at::Tensor& parameter : net.module.parameters()) parameter.detach().zero_();
  for (const auto& attribute : module.named_attributes()) {
    if (!attribute.value.isTensor()) continue;
    EXPECT_TRUE(at::equal(attribute.value.toTensor(), before.at(attribute.name))) << attribute.name;
  }
  EXPECT_TRUE(at::equal(output_of(module, input), output));
}

TEST(apply, masked_network_is_full_size_with_masks_beside_it) {
  script_network maker(3);
  const torch::jit::Module module = plain_network(maker);
  const prepared all(module, maker.normal({1, 3, 8, 8}));
  const adapter::network masked = all.masked();
  std::int64_t masks = 0;
  for (const auto& buffer : masked.module.named_buffers(false)) masks += buffer.name.starts_with("sirfp_mask_");
  EXPECT_GE(masks, 1);
  EXPECT_EQ(masked.module.attr("stem").toModule().attr("weight").toTensor().sizes(), (at::IntArrayRef{8, 3, 3, 3}));
  std::stringstream file;
  masked.module.save(file);
  EXPECT_TRUE(at::equal(output_of(torch::jit::load(file), all.input), output_of(masked.module, all.input)));
}

TEST(apply, slim_network_can_be_pruned_again) {
  script_network maker(4);
  const prepared first(plain_network(maker), maker.normal({1, 3, 8, 8}));
  const temporary_folder folder;
  adapter::save_network(first.slim(), folder / "slim.pt");
  const prepared again(folder / "slim.pt", first.input);
  ASSERT_EQ(again.graph.groups.size(), first.graph.groups.size());
  for (std::size_t g = 0; g < first.graph.groups.size(); ++g) EXPECT_EQ(again.graph.groups[g].name, first.graph.groups[g].name);
  EXPECT_LE(adapter::relative_difference(output_of(again.masked().module, again.input), output_of(again.slim().module, again.input),
                                         output_of(first.net.module, first.input)),
            1e-9);
}

// Two submodules of one class, as torch.jit.script makes of two equal layers, end up with different widths.
TEST(apply, submodules_of_one_class_become_two) {
  auto unit = std::make_shared<torch::jit::CompilationUnit>();
  script_network random(5);
  torch::jit::Module top(c10::QualifiedName("__torch__.top"), unit, true);
  torch::jit::Module first(c10::QualifiedName("__torch__.layer"), unit, true);
  first.register_parameter("weight", random.normal({8, 3, 1, 1}), false);
  first.define("def forward(self, x):\n  return torch.conv2d(x, self.weight)\n");
  torch::jit::Module second(unit, first.type());
  second.setattr("weight", random.normal({6, 8, 1, 1}));
  torch::jit::Module third(unit, first.type());
  third.setattr("weight", random.normal({3, 6, 1, 1}));
  top.register_module("a", first);
  top.register_module("b", second);
  top.register_module("c", third);
  top.define("def forward(self, x):\n  return self.c.forward(torch.tanh(self.b.forward(torch.tanh(self.a.forward(x)))))\n");
  const prepared all(top, random.normal({1, 3, 6, 6}));
  EXPECT_EQ(all.graph.groups.size(), 4u);  // the input's channels are one
  const adapter::network slim = all.slim();
  EXPECT_LT(slim.module.attr("a").toModule().attr("weight").toTensor().size(0), 8);
  EXPECT_LT(slim.module.attr("b").toModule().attr("weight").toTensor().size(0), 6);
  EXPECT_LE(
      adapter::relative_difference(output_of(all.masked().module, all.input), output_of(slim.module, all.input), output_of(top, all.input)),
      1e-9);
}

// One tensor under two names: an alias that forward never reads follows, and the slim file holds it once.
TEST(apply, shared_parameter_stays_shared) {
  script_network maker(6);
  const at::Tensor weight = maker.normal({8, 8, 3, 3});
  maker.conv("stem", {.in = 3, .out = 8});
  maker.layer("first", {{"weight", weight}}, "torch.conv2d(x, self.weight)");
  maker.layer("second", {{"weight", weight}}, "torch.conv2d(x, self.weight)");
  maker.conv("head", {.in = 8, .out = 3});
  const prepared all(maker.build("  return self.head.forward(torch.relu(self.first.forward(torch.relu(self.stem.forward(x)))))\n"),
                     maker.normal({1, 3, 8, 8}));
  const adapter::network slim = all.slim();
  const at::Tensor first = slim.module.attr("first").toModule().attr("weight").toTensor();
  const at::Tensor second = slim.module.attr("second").toModule().attr("weight").toTensor();
  EXPECT_LT(first.size(0), 8);
  EXPECT_EQ(first.const_data_ptr(), second.const_data_ptr());
  EXPECT_EQ(first.sizes(), second.sizes());
}

TEST(apply, memory_format_and_gradient_flag_are_kept) {
  script_network maker(7);
  torch::jit::Module module = plain_network(maker);
  torch::jit::Module middle = module.attr("middle").toModule();
  middle.setattr("weight", middle.attr("weight").toTensor().contiguous(at::MemoryFormat::ChannelsLast).set_requires_grad(true));
  const prepared all(module, maker.normal({1, 3, 8, 8}));
  const at::Tensor weight = all.slim().module.attr("middle").toModule().attr("weight").toTensor();
  EXPECT_TRUE(weight.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(weight.requires_grad());
}

TEST(apply, tensor_constants_of_the_graph_are_sliced) {
  script_network maker(8);
  maker.conv("stem", {.in = 3, .out = 8});
  maker.top_tensor("gain", maker.normal({1, 8, 1, 1}));
  maker.conv("head", {.in = 8, .out = 3});
  torch::jit::Module module = maker.build("  return self.head.forward(torch.relu(self.stem.forward(x) * self.gain))\n");
  auto graph = torch::jit::toGraphFunction(module.get_method("forward").function()).graph();
  for (torch::jit::Node* node : graph->nodes()) {
    if (node->kind() != c10::prim::GetAttr || node->s(c10::attr::name) != "gain") continue;
    const torch::jit::WithInsertPoint here(node);
    node->output()->replaceAllUsesWith(graph->insertConstant(module.attr("gain").toTensor()));
    node->destroy();
    break;
  }
  const prepared all(module, maker.normal({1, 3, 8, 8}));
  EXPECT_FALSE(all.graph.groups.at(1).locked) << all.graph.groups.at(1).lock_reason;
  const bool sliced =
      std::any_of(all.p.slices.begin(), all.p.slices.end(), [](const parameter_slice& s) { return s.parameter.starts_with("$constant"); });
  EXPECT_TRUE(sliced);
  EXPECT_LE(adapter::relative_difference(output_of(all.masked().module, all.input), output_of(all.slim().module, all.input),
                                         output_of(module, all.input)),
            1e-9);
}

TEST(apply, half_precision_file_stays_half) {
  script_network maker(9);
  torch::jit::Module module = plain_network(maker);
  module.to(at::kHalf);
  const temporary_folder folder;
  module.save((folder / "half.pt").string());
  const prepared all(folder / "half.pt", maker.normal({1, 3, 8, 8}).to(at::kFloat));
  adapter::save_network(all.slim(), folder / "slim.pt");
  const torch::jit::Module slim = torch::jit::load((folder / "slim.pt").string());
  for (const auto& parameter : slim.named_parameters()) EXPECT_EQ(parameter.value.scalar_type(), at::kHalf) << parameter.name;
  EXPECT_LE(adapter::relative_difference(output_of(all.masked().module, all.input), output_of(all.slim().module, all.input),
                                         adapter::output_tensor(all.net, adapter::run(all.net, all.input))),
            1e-4);
}

TEST(apply, several_outputs) {
  script_network maker(10);
  maker.conv("stem", {.in = 3, .out = 8});
  maker.conv("left", {.in = 8, .out = 3});
  maker.conv("right", {.in = 8, .out = 2});
  const prepared all(maker.build("  y = self.stem.forward(x)\n  return {'out': self.left.forward(y), 'aux': self.right.forward(y)}\n"),
                     maker.normal({1, 3, 4, 4}));
  const c10::InferenceMode inference;
  const auto slim = all.slim().module.forward({all.input}).toGenericDict();
  const auto masked = all.masked().module.forward({all.input}).toGenericDict();
  for (const char* key : {"out", "aux"}) {
    const at::Tensor expected = masked.at(key).toTensor();
    EXPECT_LE(adapter::relative_difference(expected, slim.at(key).toTensor(), expected), 1e-9) << key;
  }
}

TEST(apply, refusals) {
  script_network maker(11);
  const at::Tensor input = maker.normal({1, 3, 8, 8});
  const prepared all(plain_network(maker), input);
  script_network other_maker(12);
  const prepared other(plain_network(other_maker), input);
  const std::string foreign = error_text<invalid_argument>([&] { adapter::slim_network(all.net, all.captured, all.graph, other.p, {}); });
  SIRFP_EXPECT_HAS(foreign, "stem.weight");
  adapter::compensated_weights wrong = all.weights;
  wrong.tensors["head.weight"] = at::zeros({3, 9, 1, 1});
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { adapter::slim_network(all.net, all.captured, all.graph, all.p, wrong); }),
                   "head.weight");
  wrong = all.weights;
  wrong.tensors["tail.weight"] = at::zeros({3});
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { adapter::masked_network(all.net, all.captured, all.graph, all.p, wrong); }),
                   "tail.weight");
}

}  // namespace
}  // namespace sirfp::test
