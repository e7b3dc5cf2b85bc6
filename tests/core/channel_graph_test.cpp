// Which channels live and die together, by networks written out by hand. That masked = slimmed for what is found here is tested with real
// executions in tests/torch.
#include "support/channel_graph_fixture.hpp"

namespace sirfp::test {
namespace {

TEST_F(channel_graph_test, basic_block_unites_what_its_sum_adds) {
  const auto x = net.input({1, 3, 8, 8});
  const auto stem = net.relu(net.batch_norm("stem.1", net.conv("stem.0", x, 8, {.kernel = 3})));
  const auto inner = net.relu(net.batch_norm("b.1", net.conv("b.0", stem, 6, {.kernel = 3})));
  const auto c = net.conv("b.3", inner, 8, {.kernel = 3});
  const auto bn = net.batch_norm("b.4", c);
  const auto sum = net.relu(net.add(bn, stem));
  analyse({net.conv("head", sum, 2, {.bias = true})});

  EXPECT_EQ(prunable(), (names{"stem.0", "b.0"}));
  EXPECT_EQ(group("stem.0").producers, (names{"stem.0", "b.3"}));
  EXPECT_EQ(channels(sum, "stem.0"), iota(8));
  EXPECT_EQ(group("x").lock_reason, "network input");
  EXPECT_EQ(group("head").lock_reason, "network output at head");

  ASSERT_EQ(graph.layers.size(), 4u);
  EXPECT_EQ(graph.layers[2].name, "b.3");
  EXPECT_EQ(graph.layers[2].value, bn);
  EXPECT_EQ(graph.layers[3].observed, graph.layers[3].producer) << "head has no norm";
  ASSERT_EQ(graph.sites.size(), 4u);
  EXPECT_EQ(graph.sites[1].name, "b.0");
  EXPECT_EQ(list.ops[static_cast<std::size_t>(graph.sites[1].consumers.at(0).norm)].place, "b.1");
  EXPECT_EQ(graph.sites[3].consumers.at(0).norm, -1);
  EXPECT_GE(graph.sites[3].consumers.at(0).bias, 0);
  for (const char* vector : {"b.4.weight", "b.4.bias", "b.4.running_mean", "b.4.running_var"}) {
    ASSERT_NE(axis_of(vector, 0), nullptr) << vector;
    EXPECT_EQ(axis_of(vector, 0)->layout[5].group, index("stem.0"));
  }
  EXPECT_EQ(axis_of("head.weight", 1)->layout.size(), 8u);
}

// The output of every branch is a prefix sum: d2, d2 + d4, ... so the branches share their channels, and the residual ties each part of the
// concatenation to itself.
TEST_F(channel_graph_test, espnet_pyramid) {
  const auto image = net.input({1, 3, 8, 8});
  const auto pyramid = [&](const std::string& name, std::int32_t x) {
    const auto reduced = net.conv(name + ".c1", x, 4);
    std::vector<std::int32_t> parts{net.conv(name + ".d1", reduced, 8, {.kernel = 3})};
    std::int32_t total = -1;
    for (const char* d : {".d2", ".d4", ".d8", ".d16"}) {
      const auto y = net.conv(name + d, reduced, 6, {.kernel = 3});
      total = total < 0 ? y : net.add(total, y);
      parts.push_back(total);
    }
    return net.cat(parts);
  };
  const auto x = pyramid("level0", image);
  const auto sum = net.add(x, pyramid("level1", x));
  const auto out =
      net.one("aten::prelu", "act", {tensor(net.batch_norm("bn", sum)), tensor(net.parameter("act.weight", {32}))}, {1, 32, 8, 8});
  analyse({net.conv("head", out, 2)});

  EXPECT_EQ(prunable(), (names{"level0.c1", "level0.d1", "level0.d2", "level1.c1"}));
  EXPECT_EQ(group("level0.d1").producers, (names{"level0.d1", "level1.d1"}));
  EXPECT_EQ(group("level0.d2").channels, 6);
  EXPECT_EQ(group("level0.d2").producers.size(), 8u);
  const channel_layout& layout = axis_of("act.weight", 0)->layout;
  EXPECT_EQ(layout[0].group, index("level0.d1"));
  EXPECT_EQ(layout[8], (channel_ref{index("level0.d2"), 0}));
  EXPECT_EQ(layout[8 + 6 * 3 + 2], (channel_ref{index("level0.d2"), 2})) << "a channel stands at four positions";
}

TEST_F(channel_graph_test, aspp_with_a_pooled_branch_and_a_gate) {
  const auto x = net.input({1, 3, 8, 8});
  const auto stem = net.conv("stem", x, 6);
  const auto pooled =
      net.one("aten::upsample_bilinear2d", "up", {tensor(net.conv("pooled", net.pool(stem), 4)), ints({8, 8}), flag(false)}, {1, 4, 8, 8});
  const auto gate = net.unary("aten::sigmoid", net.conv("gate", net.pool(stem), 6));
  const auto gated = net.binary("aten::mul", stem, gate);
  const auto joined = net.cat({net.conv("a", gated, 4), pooled});
  analyse({net.conv("head", joined, 2)});
  EXPECT_EQ(prunable(), (names{"stem", "pooled", "a"}));
  EXPECT_EQ(group("stem").producers, (names{"stem", "gate"})) << "the gate scales the stem's channels one by one";
  const channel_layout& layout = axis_of("head.weight", 1)->layout;
  EXPECT_EQ(layout[3], (channel_ref{index("a"), 3}));
  EXPECT_EQ(layout[4], (channel_ref{index("pooled"), 0}));
}

TEST_F(channel_graph_test, depthwise_passes_channels_through) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 6);
  const auto d = net.conv("d", a, 12, {.kernel = 3, .groups = 6, .bias = true});
  analyse({net.conv("head", net.batch_norm("bn", d), 2)});
  EXPECT_EQ(prunable(), names{"a"});
  EXPECT_EQ(channels(d, "a"), (ids{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5}));
  EXPECT_EQ(axis_of("d.weight", 0)->layout.size(), 12u);
  EXPECT_EQ(axis_of("d.weight", 1), nullptr);
  EXPECT_EQ(axis_of("d.bias", 0)->layout.size(), 12u);
  ASSERT_NE(extent(d, 8), nullptr) << "the number of groups follows";
  EXPECT_EQ(extent(d, 8)->layout.size(), 6u);
  EXPECT_EQ(graph.layers.size(), 2u) << "a depthwise convolution makes no channels";
  EXPECT_EQ(graph.sites.size(), 2u);
}

TEST_F(channel_graph_test, transposed_depthwise) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 6);
  const auto d = net.conv("d", a, 12, {.kernel = 2, .groups = 6, .transposed = true});
  analyse({net.conv("head", d, 2)});
  EXPECT_EQ(channels(d, "a"), (ids{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5}));
  EXPECT_EQ(axis_of("d.weight", 0)->layout.size(), 6u);
}

TEST_F(channel_graph_test, dense_block_appends) {
  auto x = net.conv("stem", net.input({1, 3, 8, 8}), 4);
  for (const char* place : {"l1", "l2", "l3"})
    x = net.cat({x, net.conv(place, net.relu(net.batch_norm(std::string(place) + ".bn", x)), 2)});
  analyse({net.conv("head", x, 2)});
  EXPECT_EQ(prunable(), (names{"stem", "l1", "l2", "l3"}));
  EXPECT_EQ(axis_of("l3.weight", 1)->layout[6], (channel_ref{index("l2"), 0}));
}

TEST_F(channel_graph_test, dead_code_makes_no_groups_and_no_locks) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 4);
  net.one("aten::renorm", "odd", {tensor(net.conv("dead", a, 4))}, net.extents(a));
  analyse({net.conv("head", a, 2)});
  EXPECT_EQ(prunable(), names{"a"});
  EXPECT_EQ(graph.layers.size(), 2u);
  EXPECT_EQ(graph.sites.size(), 2u);
  EXPECT_EQ(graph.live, (std::vector<std::uint8_t>{1, 0, 0, 1}));
  EXPECT_EQ(axis_of("dead.weight", 0), nullptr);
}

TEST_F(channel_graph_test, shared_weights_tie_both_uses) {
  const auto x = net.input({1, 3, 8, 8});
  const auto a = net.conv("a", x, 4), b = net.conv("b", x, 4);
  const auto c = net.conv("s", a, 6), d = net.conv("s", b, 6);
  analyse({net.conv("head", net.cat({c, d}), 2)});
  EXPECT_EQ(prunable(), (names{"a", "s"}));
  EXPECT_EQ(group("a").producers, (names{"a", "b"}));
  EXPECT_EQ(group("s").channels, 6);
  EXPECT_EQ(graph.layers[3].name, "s#2");
}

TEST_F(channel_graph_test, parameters_along_the_channels_are_sliced) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const auto scale = net.parameter("gamma", {8, 1, 1}), place = net.parameter("position", {1, 8, 8, 8}, op_value::role::constant);
  const auto y = net.one("aten::mul", "scale", {tensor(a), tensor(scale)}, net.extents(a));
  analyse({net.conv("head", net.add(y, place), 2)});
  EXPECT_EQ(prunable(), names{"a"});
  EXPECT_EQ(axis_of("gamma", 0)->layout.size(), 8u);
  ASSERT_NE(axis_of("position", 1), nullptr);
  EXPECT_EQ(axis_of("position", 1)->layout[3], (channel_ref{index("a"), 3}));
  EXPECT_EQ(axis_of("position", 2), nullptr);
  EXPECT_EQ(graph.groups.size(), 3u) << "x, a, head and none for the constant's other axes:\n" << all();
}

TEST_F(channel_graph_test, transposed_parameter_in_a_matrix_product) {
  const auto x =
      net.one("aten::flatten", "flatten", {tensor(net.pool(net.conv("a", net.input({1, 3, 8, 8}), 8))), ints({1}), ints({-1})}, {1, 8});
  const auto weight = net.parameter("w", {6, 8}), bias = net.parameter("b", {6});
  const auto transposed = net.one("aten::t", "t", {tensor(weight)}, {8, 6});
  const auto y = net.one("aten::addmm", "fc", {tensor(bias), tensor(x), tensor(transposed), ints({1}), ints({1})}, {1, 6});
  analyse({net.linear("head", y, 2)});
  EXPECT_EQ(prunable(), (names{"a", "fc"}));
  EXPECT_EQ(axis_of("w", 1)->layout[7], (channel_ref{index("a"), 7}));
  EXPECT_EQ(axis_of("w", 0)->layout[5], (channel_ref{index("fc"), 5}));
  EXPECT_EQ(graph.sites[1].consumers[0].input_axis, 1);
  EXPECT_EQ(graph.sites[1].consumers[0].bias, bias);
}

TEST_F(channel_graph_test, masks) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 4);
  const auto twice = net.cat({a, a});
  analyse({net.conv("head", twice, 2)});
  channel_mask mask = full_mask(graph);
  const channel_layout& layout = graph.layouts[static_cast<std::size_t>(twice)];
  EXPECT_EQ(kept_count(layout, mask), 8);
  mask[static_cast<std::size_t>(index("a"))][2] = 0;
  EXPECT_EQ(kept_count(layout, mask), 6);
}

}  // namespace
}  // namespace sirfp::test
