// The graph runner against LibTorch's own interpreter: the same bits, tensors freed at their last use, errors with a place.
#include <gtest/gtest.h>

#include "../support/error_text.hpp"
#include "../support/plain_network.hpp"
#include "sirfp/adapter/network.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

at::Tensor image() {
  at::manual_seed(1);
  return at::randn({2, 3, 8, 10});
}

// Runs both ways; the outputs must agree bit for bit.
void expect_same(const torch::jit::Module& module, const at::Tensor& input) {
  const auto net = adapter::load_network(module);
  const c10::InferenceMode guard;
  auto original = module;
  const auto expected = adapter::output_tensors(original.forward({input.clone()}));
  const auto got = adapter::output_tensors(adapter::run(net, input.clone()));
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(at::equal(got[i], expected[i])) << "output " << i;
}

TEST(run, convolutions_and_in_place_operators) {
  at::manual_seed(2);
  expect_same(plain_network()
                  .child("a", at::randn({4, 3, 3, 3}), "torch.conv2d(x, self.weight, None, [1, 1], [1, 1])")
                  .child("b", at::randn({4, 4, 3, 3}), "torch.conv2d(x, self.weight, None, [1, 1], [1, 1])")
                  .define("def forward(self, x):\n"
                          "  y = self.a.forward(x)\n"
                          "  z = torch.relu_(y)\n"
                          "  w = self.b.forward(z)\n"
                          "  w += y\n"
                          "  w[:, :2].mul_(2.0)\n"
                          "  return torch.cat([w, y, z], 1)\n"),
              image());
}

TEST(run, branches_and_loops_on_sizes) {
  const auto module = plain_network().define(
      "def forward(self, x):\n"
      "  if x.size(2) > 9:\n"
      "    y = torch.sin(x)\n"
      "    z = x\n"
      "  else:\n"
      "    y = x\n"
      "    z = torch.cos(x)\n"
      "  a = y\n"
      "  b = z\n"
      "  for i in range(x.size(0) + 1):\n"
      "    a, b = b * 0.5, a + float(i)\n"
      "  steps = 0\n"
      "  while steps < x.size(3) and steps < 3:\n"
      "    a = a + b\n"
      "    steps += 1\n"
      "  return a, b, y\n");
  expect_same(module, image());
  expect_same(module, at::randn({1, 3, 12, 4}));
}

TEST(run, lists_tuples_and_dicts) {
  expect_same(plain_network().define("def forward(self, x):\n"
                                     "  parts = torch.chunk(x, 3, 1)\n"
                                     "  a, b, c = parts\n"
                                     "  kept: List[Tensor] = []\n"
                                     "  for p in parts:\n"
                                     "    kept.append(p + 1)\n"
                                     "  n, ch, h, w = x.shape\n"
                                     "  pair = (a, [b, kept[-1]])\n"
                                     "  return {\"out\": torch.cat(kept, 1).view([n, ch * h, w]), \"aux\": pair[1][0], \"c\": c}\n"),
              image());
}

struct living_tensors final : adapter::run_listener {
  void after(const torch::jit::Node* node, const std::vector<c10::IValue>& outputs) override {
    for (const auto& value : outputs)
      if (value.isTensor()) made.emplace_back(node->kind().toQualString(), value.toTensor().getIntrusivePtr());
    std::size_t alive = 0;
    for (auto& [name, tensor] : made) alive += tensor.expired() ? 0 : 1;
    most = std::max(most, alive);
  }
  std::vector<std::pair<std::string, c10::weak_intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>>> made;
  std::size_t most = 0;
};

TEST(run, no_tensor_outlives_its_last_use) {
  std::string body = "def forward(self, x):\n  first = torch.sin(x)\n  y = first + 1\n";
  for (int i = 0; i < 10; ++i) body += "  y = torch.sin(y)\n";
  body += "  if x.size(0) > 1:\n    y = torch.cos(y)\n    y = torch.cos(y)\n";
  body += "  return y\n";
  const auto net = adapter::load_network(plain_network().define(body));
  living_tensors listener;
  adapter::run(net, image(), &listener);
  EXPECT_EQ(listener.made.size(), 14u + 0u);
  // The operator's own output, and at most the one it was made from (still on its stack).
  EXPECT_LE(listener.most, 2u);
}

struct zero_second_input final : adapter::run_listener {
  void before(const torch::jit::Node* node, torch::jit::Stack& inputs) override {
    if (node->kind() == c10::aten::add) inputs[1] = at::zeros_like(inputs[1].toTensor());
  }
};

TEST(run, listener_may_replace_what_a_node_reads) {
  const auto net = adapter::load_network(plain_network().define("def forward(self, x):\n  return torch.sin(x) + torch.cos(x)\n"));
  zero_second_input listener;
  const auto input = image();
  EXPECT_TRUE(at::equal(adapter::run(net, input, &listener).toTensor(), at::sin(input)));
}

TEST(run, runner_serves_many_inputs) {
  const auto net =
      adapter::load_network(plain_network().tensor("scale", at::full({1}, 2.0)).define("def forward(self, x):\n  return x * self.scale\n"));
  const adapter::runner passes(net);
  for (const std::int64_t n : {1, 3, 2}) EXPECT_TRUE(at::equal(passes(at::ones({n, 3, 2, 2})).toTensor(), at::full({n, 3, 2, 2}, 2.0)));
}

TEST(run, failing_operator_is_named_with_its_place_in_one_line) {
  const auto net = adapter::load_network(plain_network()
                                             .child("stem", at::randn({4, 3, 3, 3}), "torch.conv2d(x, self.weight)")
                                             .define("def forward(self, x):\n  return self.stem.forward(x)\n"));
  const auto message = error_text<failure>([&] { adapter::run(net, at::randn({1, 5, 8, 8})); });
  SIRFP_EXPECT_HAS(message, "aten::conv2d at stem: ");
  SIRFP_EXPECT_HAS(message, "expected input[1, 5, 8, 8]");
  EXPECT_EQ(message.find('\n'), std::string::npos);
  const auto raising =
      adapter::load_network(plain_network().define("def forward(self, x):\n  assert x.size(0) < 1, \"one image at a time\"\n  return x\n"));
  SIRFP_EXPECT_HAS(error_text<failure>([&] { adapter::run(raising, image()); }), "one image at a time");
}

TEST(run, assignment_to_an_attribute_is_refused_by_name) {
  const auto net = adapter::load_network(plain_network()
                                             .attribute("seen", c10::IntType::get(), 0)
                                             .define("def forward(self, x):\n  self.seen = self.seen + 1\n  return x * self.seen\n"));
  SIRFP_EXPECT_HAS(error_text<failure>([&] { adapter::run(net, image()); }), "prim::SetAttr");
}

TEST(run, output_tensor_picks_one) {
  auto net = adapter::load_network(plain_network().define("def forward(self, x):\n  return x, [x + 1, x + 2]\n"));
  const auto input = image();
  const auto output = adapter::run(net, input);
  EXPECT_TRUE(at::equal(adapter::output_tensor(net, output), input));
  net.output = 2;
  EXPECT_TRUE(at::equal(adapter::output_tensor(net, output), input + 2));
  net.output = 3;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { adapter::output_tensor(net, output); }), "output 3 was asked for, it has 3");
}

}  // namespace
}  // namespace sirfp::test
