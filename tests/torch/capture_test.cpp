// The op list of one run: what is listed, under which names, and where its numbers come from.
#include "sirfp/adapter/capture.hpp"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/irparser.h>

#include <algorithm>

#include "../support/error_text.hpp"
#include "../support/plain_network.hpp"
#include "../support/temporary_folder.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

using kind = op_argument::kind;

struct captured_run {
  explicit captured_run(const torch::jit::Module& module, at::IntArrayRef shape = {1, 3, 8, 10})
      : net(adapter::load_network(module)), all(adapter::capture(net, at::rand(shape))) {}

  std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const op& one : all.ops.ops) list.push_back(one.name);
    return list;
  }
  const op& named(const std::string& name, int nth = 0) const {
    for (const op& one : all.ops.ops)
      if (one.name == name && nth-- == 0) return one;
    throw std::runtime_error("no " + name);
  }
  const op_value& value(std::int32_t id) const { return all.ops.values.at(static_cast<std::size_t>(id)); }

  adapter::network net;
  adapter::captured_network all;
};

using strings = std::vector<std::string>;
using ints = std::vector<std::int64_t>;

TEST(capture, operators_parameters_and_places) {
  const at::Tensor weight = at::randn({4, 3, 3, 3});
  const captured_run run(plain_network()
                             .child("stem", weight, "torch.conv2d(x, self.weight, None, [2, 1], [1, 1])")
                             .tensor("offset", at::ones({1, 4, 1, 1}), true)
                             .define("def forward(self, x):\n  y = self.stem.forward(x)\n  return torch.relu(y) + self.offset\n"));
  ASSERT_EQ(run.names(), (strings{"aten::conv2d", "aten::relu", "aten::add"}));
  const op& conv = run.named("aten::conv2d");
  EXPECT_EQ(conv.place, "stem");
  EXPECT_EQ(conv.arguments[0].values, run.all.ops.inputs);
  const auto weight_id = conv.arguments[1].values[0];
  EXPECT_EQ(run.value(weight_id).name, "stem.weight");
  EXPECT_EQ(run.value(weight_id).kind, op_value::role::parameter);
  EXPECT_EQ(run.value(weight_id).shape, (ints{4, 3, 3, 3}));
  EXPECT_TRUE(at::equal(adapter::tensor_of(run.net, run.all, weight_id), weight));
  EXPECT_EQ(conv.arguments[2].type, kind::none);
  EXPECT_EQ(conv.arguments[3].ints, (ints{2, 1}));
  EXPECT_EQ(conv.arguments[3].literal, (std::vector<std::uint8_t>{1, 1}));
  EXPECT_EQ(run.value(conv.outputs[0]).shape, (ints{1, 4, 4, 10}));
  const op& add = run.named("aten::add");
  EXPECT_EQ(run.value(add.arguments[1].values[0]).kind, op_value::role::buffer);
  EXPECT_EQ(run.value(add.arguments[1].values[0]).name, "offset");
  EXPECT_EQ(run.named("aten::relu").place, "relu.0");
  EXPECT_EQ(run.all.ops.outputs, add.outputs);
  for (std::size_t i = 0; i < run.all.nodes.size(); ++i) EXPECT_EQ(run.all.index.at(run.all.nodes[i]), static_cast<std::int32_t>(i));
}

TEST(capture, shape_arithmetic_is_evaluated_and_its_origin_kept) {
  const captured_run run(
      plain_network().define("def forward(self, x):\n"
                             "  n, c, h, w = x.shape\n"
                             "  y = x.view([n, c * h // 4, 4 * w])\n"
                             "  return torch.upsample_nearest2d(x, [h * 2, x.size(-1) - 2]), y\n"));
  ASSERT_EQ(run.names(), (strings{"aten::view", "aten::upsample_nearest2d"}));
  const op_argument& view = run.named("aten::view").arguments[1];
  EXPECT_EQ(view.ints, (ints{1, 6, 40}));
  EXPECT_EQ(view.literal, (std::vector<std::uint8_t>{0, 0, 0}));
  ASSERT_EQ(view.origins.size(), 3u);
  const auto input = run.all.ops.inputs[0];
  ASSERT_EQ(view.origins[1].extents.size(), 2u);
  EXPECT_EQ(view.origins[1].extents[0].value, input);
  EXPECT_EQ(view.origins[1].extents[0].axis, 1);
  EXPECT_EQ(view.origins[1].extents[1].axis, 2);
  EXPECT_EQ(view.origins[1].divide, 4);
  EXPECT_TRUE(view.origins[1].exact);
  EXPECT_EQ(view.origins[2].multiply, 4);
  const op_argument& size = run.named("aten::upsample_nearest2d").arguments[1];
  EXPECT_EQ(size.ints, (ints{16, 8}));
  EXPECT_TRUE(size.origins[0].exact);
  EXPECT_FALSE(size.origins[1].exact);
  EXPECT_EQ(size.origins[1].extents[0].axis, 3);
}

TEST(capture, literals_of_mixed_lists_are_marked_one_by_one) {
  const captured_run run(plain_network().define("def forward(self, x):\n  return x.view([x.size(0), 3, -1])\n"));
  EXPECT_EQ(run.named("aten::view").arguments[1].literal, (std::vector<std::uint8_t>{0, 1, 1}));
}

// What torch.jit.trace leaves of `x.view(x.size(0), -1, x.size(3) // 2)`.
torch::jit::Module traced_view() {
  torch::jit::Module module(c10::QualifiedName("__torch__.traced"), std::make_shared<torch::jit::CompilationUnit>(), true);
  auto graph = std::make_shared<torch::jit::Graph>();
  torch::jit::parseIR(R"(graph(%self, %x : Tensor):
      %zero : int = prim::Constant[value=0]()
      %three : int = prim::Constant[value=3]()
      %rest : int = prim::Constant[value=-1]()
      %two : int = prim::Constant[value=2]()
      %two_tensor : Tensor = prim::NumToTensor(%two)
      %n : int = aten::size(%x, %zero)
      %w : int = aten::size(%x, %three)
      %w_tensor : Tensor = prim::NumToTensor(%w)
      %half_tensor : Tensor = aten::floor_divide(%w_tensor, %two_tensor)
      %half : int = aten::Int(%half_tensor)
      %shape : int[] = prim::ListConstruct(%n, %rest, %half)
      %y : Tensor = aten::view(%x, %shape)
      return (%y))",
                      graph.get());
  graph->inputs()[0]->setType(module.type());
  module.type()->addMethod(
      module._ivalue()->compilation_unit()->create_function(c10::QualifiedName(*module.type()->name(), "forward"), graph));
  return module;
}

TEST(capture, traced_shape_tensors_are_numbers) {
  const captured_run run(traced_view());
  ASSERT_EQ(run.names(), (strings{"aten::view"}));
  const op_argument& sizes = run.named("aten::view").arguments[1];
  EXPECT_EQ(sizes.ints, (ints{1, -1, 5}));
  EXPECT_EQ(sizes.literal, (std::vector<std::uint8_t>{0, 1, 0}));
  ASSERT_EQ(sizes.origins.size(), 3u);
  EXPECT_EQ(sizes.origins[2].extents[0].axis, 3);
  EXPECT_EQ(sizes.origins[2].divide, 2);
}

TEST(capture, list_operators_have_several_outputs) {
  const captured_run run(
      plain_network().define("def forward(self, x):\n"
                             "  parts = torch.chunk(x, 3, 1)\n"
                             "  a, b, c = parts\n"
                             "  kept: List[Tensor] = []\n"
                             "  kept.append(c)\n"
                             "  kept.append(parts[0])\n"
                             "  return torch.cat(kept, 1), (a, b)\n"));
  ASSERT_EQ(run.names(), (strings{"aten::chunk", "aten::cat"}));
  const op& chunk = run.named("aten::chunk");
  ASSERT_EQ(chunk.outputs.size(), 3u);
  EXPECT_EQ(run.named("aten::cat").arguments[0].values, (std::vector<std::int32_t>{chunk.outputs[2], chunk.outputs[0]}));
  EXPECT_EQ(run.all.ops.outputs, (std::vector<std::int32_t>{run.named("aten::cat").outputs[0], chunk.outputs[0], chunk.outputs[1]}));
}

TEST(capture, every_name_of_a_tensor_sees_an_in_place_write) {
  const captured_run run(
      plain_network().define("def forward(self, x):\n  y = torch.sin(x)\n  z = torch.relu_(y)\n  return torch.cat([y, z], 1)\n"));
  const auto written = run.named("aten::relu_").outputs[0];
  EXPECT_EQ(run.named("aten::cat").arguments[0].values, (std::vector<std::int32_t>{written, written}));
}

TEST(capture, a_tensor_that_is_passed_on_keeps_its_value_beside_the_new_one) {
  const captured_run run(plain_network().define(
      "def forward(self, x):\n  y = torch.sin(x)\n  z = torch.dropout(y, 0.5, False)\n  return torch.cos(y) + torch.cos(z)\n"));
  EXPECT_EQ(run.named("aten::cos", 0).arguments[0].values, run.named("aten::sin").outputs);
  EXPECT_EQ(run.named("aten::cos", 1).arguments[0].values, run.named("aten::dropout").outputs);
}

TEST(capture, write_through_a_view_is_an_operator_that_no_rule_knows) {
  const captured_run run(plain_network().define(
      "def forward(self, x):\n  y = torch.sin(x)\n  part = torch.slice(y, 1, 0, 2)\n  part.add_(1.0)\n  return torch.cos(y)\n"));
  const op& write = run.named("aten::add_ through a view");
  EXPECT_EQ(run.named("aten::cos").arguments[0].values[0], write.outputs.back());
  EXPECT_EQ(write.arguments.back().values, run.named("aten::sin").outputs);
}

TEST(capture, write_to_one_part_leaves_the_other_parts) {
  const captured_run run(plain_network().define(
      "def forward(self, x):\n  a, b = torch.split(torch.sin(x), [1, 2], 1)\n  torch.relu_(b)\n  return torch.cat([a, b], 1)\n"));
  EXPECT_EQ(run.names(), (strings{"aten::sin", "aten::split", "aten::relu_", "aten::cat"}));
  const auto& joined = run.named("aten::cat").arguments[0].values;
  EXPECT_EQ(joined, (std::vector<std::int32_t>{run.named("aten::split").outputs[0], run.named("aten::relu_").outputs[0]}));
}

TEST(capture, tensors_of_sizes_that_join_activations_are_operators) {
  const captured_run run(plain_network().define("def forward(self, x):\n  return x + torch.arange(x.size(3), dtype=6)\n"));
  EXPECT_EQ(run.names(), (strings{"aten::arange", "aten::add"}));
  EXPECT_EQ(run.named("aten::add").arguments[1].values, run.named("aten::arange").outputs);
}

TEST(capture, tensor_constants_are_counted_in_order) {
  const captured_run run(plain_network().define(
      "def forward(self, x):\n  return x * torch.tensor([1., 2.]).view([2, 1, 1, 1]) + torch.ones([1, 1, 1, 10])\n"));
  const auto& factor = run.named("aten::mul").arguments[1];
  ASSERT_EQ(factor.type, kind::tensor);
  EXPECT_EQ(run.value(factor.values[0]).name, "$constant.0");
  EXPECT_EQ(run.value(run.named("aten::add").arguments[1].values[0]).name, "$constant.1");
  EXPECT_TRUE(at::equal(adapter::tensor_of(run.net, run.all, factor.values[0]), at::tensor({1.F, 2.F}).view({2, 1, 1, 1})));
}

TEST(capture, branches_list_what_ran) {
  const std::string source =
      "def forward(self, x):\n  if x.size(2) > 9:\n    y = torch.sin(x)\n  else:\n    y = torch.cos(x)\n  return torch.relu(y)\n";
  EXPECT_EQ(captured_run(plain_network().define(source), {1, 3, 8, 8}).names(), (strings{"aten::cos", "aten::relu"}));
  const captured_run big(plain_network().define(source), {1, 3, 16, 8});
  EXPECT_EQ(big.names(), (strings{"aten::sin", "aten::relu"}));
  EXPECT_EQ(big.named("aten::relu").arguments[0].values, big.named("aten::sin").outputs);
}

TEST(capture, a_loop_over_maps_is_refused_and_one_over_numbers_is_not) {
  const auto looping = adapter::load_network(
      plain_network().define("def forward(self, x):\n  for i in range(x.size(2)):\n    x = torch.sin(x)\n  return x\n"));
  const auto message = error_text<failure>([&] { adapter::capture(looping, at::rand({1, 3, 8, 8})); });
  SIRFP_EXPECT_HAS(message, "aten::sin");
  SIRFP_EXPECT_HAS(message, "more than once");
  const captured_run numbers(
      plain_network().define("def forward(self, x):\n  sizes: List[int] = []\n  for i in range(x.dim() - 2):\n    sizes.append(x.size(i + "
                             "2) * 2)\n  return torch.upsample_nearest2d(x, sizes)\n"));
  EXPECT_EQ(numbers.named("aten::upsample_nearest2d").arguments[1].ints, (ints{16, 20}));
  EXPECT_EQ(numbers.named("aten::upsample_nearest2d").arguments[1].literal, (std::vector<std::uint8_t>{0, 0}));
}

TEST(capture, numbers_made_from_feature_maps_are_refused) {
  const auto net = adapter::load_network(plain_network().define("def forward(self, x):\n  return x / float(torch.max(x))\n"));
  SIRFP_EXPECT_HAS(error_text<failure>([&] { adapter::capture(net, at::rand({1, 3, 8, 8})); }), "makes a number out of a feature map");
}

TEST(capture, one_tensor_under_two_names_is_two_parameters) {
  const at::Tensor weight = at::randn({3, 3, 1, 1});
  const captured_run run(plain_network()
                             .child("a", weight, "torch.conv2d(x, self.weight)")
                             .child("b", weight, "torch.conv2d(x, self.weight)")
                             .define("def forward(self, x):\n  return self.b.forward(self.a.forward(self.a.forward(x)))\n"));
  const auto weight_of = [&](int nth) { return run.named("aten::conv2d", nth).arguments[1].values[0]; };
  EXPECT_EQ(weight_of(0), weight_of(1));
  EXPECT_NE(weight_of(0), weight_of(2));
  EXPECT_EQ(run.value(weight_of(2)).name, "b.weight");
}

TEST(capture, wrong_input_names_shape_and_operator) {
  const auto net = adapter::load_network(plain_network()
                                             .child("stem", at::randn({4, 3, 3, 3}), "torch.conv2d(x, self.weight)")
                                             .define("def forward(self, x):\n  return self.stem.forward(x)\n"));
  const auto message = error_text<invalid_argument>([&] { adapter::capture(net, at::rand({1, 1, 8, 8})); });
  SIRFP_EXPECT_HAS(message, "does not take an input [1, 1, 8, 8]: aten::conv2d at stem: ");
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(capture, fingerprint_follows_values_and_survives_a_file) {
  const auto make = [](double scale) {
    return plain_network()
        .child("stem", at::ones({4, 3, 1, 1}) * scale, "torch.conv2d(x, self.weight)")
        .define("def forward(self, x):\n  y = self.stem.forward(x)\n  return torch.cat([torch.sin(y), torch.cos(y)], 1)\n");
  };
  const captured_run one(make(1));
  const captured_run other(make(1), {2, 3, 5, 5});
  const captured_run different(make(2));
  EXPECT_FALSE(first_difference(one.all.fingerprint, other.all.fingerprint, "the other").has_value());
  ASSERT_FALSE(one.all.fingerprint.parameters.empty());
  EXPECT_EQ(one.all.fingerprint.parameters[0].hash.size(), 16u);
  const auto difference = first_difference(one.all.fingerprint, different.all.fingerprint, "the other");
  ASSERT_TRUE(difference.has_value());
  SIRFP_EXPECT_HAS(*difference, "stem.weight");
  const temporary_folder folder;
  adapter::save_network(one.net, folder / "net.pt");
  const auto loaded = adapter::load_network(folder / "net.pt");
  EXPECT_EQ(adapter::capture(loaded, at::rand({1, 3, 4, 4})).fingerprint, one.all.fingerprint);
}

}  // namespace
}  // namespace sirfp::test
