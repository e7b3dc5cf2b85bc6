// Channels that move to other axes, or share one with something else: views, transposes, shuffles, padding.
#include "support/channel_graph_fixture.hpp"

namespace sirfp::test {
namespace {

using channel_graph_axes_test = channel_graph_test;

// view(N, 2, C / 2, H, W), transpose, reshape: block i of the first half meets block i of the second, so they stay or go together.
TEST_F(channel_graph_axes_test, channel_shuffle_couples_the_blocks) {
  const auto a = net.conv("a", net.input({1, 3, 4, 4}), 8);
  const auto v = net.one("aten::view", "view", {tensor(a), ints({1, 2, 4, 4, 4})}, {1, 2, 4, 4, 4});
  const auto t = net.one("aten::transpose", "transpose", {tensor(v), ints({1}), ints({2})}, {1, 4, 2, 4, 4});
  const auto r = net.one("aten::reshape", "reshape", {tensor(t), ints({1, -1, 4, 4})}, {1, 8, 4, 4});
  analyse({net.conv("head", r, 2)});
  EXPECT_EQ(prunable(), names{"a"});
  EXPECT_EQ(group("a").channels, 4);
  EXPECT_EQ(channels(a, "a"), (ids{0, 1, 2, 3, 0, 1, 2, 3}));
  EXPECT_EQ(channels(r, "a"), (ids{0, 0, 1, 1, 2, 2, 3, 3}));
  ASSERT_NE(extent(v, 1, 2), nullptr);
  EXPECT_EQ(extent(v, 1, 2)->layout.size(), 4u);
  EXPECT_EQ(extent(v, 1, 1), nullptr) << "the number of blocks stays";
}

TEST_F(channel_graph_axes_test, flatten_repeats_a_channel_for_every_pixel) {
  const auto a = net.conv("a", net.input({1, 3, 2, 3}), 4);
  const auto f = net.one("aten::flatten", "flatten", {tensor(a), ints({1}), ints({-1})}, {1, 24});
  analyse({net.linear("fc", net.linear("hidden", f, 5), 2)});
  EXPECT_EQ(prunable(), (names{"a", "hidden"}));
  EXPECT_EQ(channels(f, "a")[11], 1);
  EXPECT_EQ(axis_of("hidden.weight", 1)->layout.size(), 24u);
  EXPECT_EQ(graph.sites[1].axis, 1);
}

TEST_F(channel_graph_axes_test, tokens_carry_channels_on_the_last_axis) {
  const auto a = net.conv("a", net.input({1, 3, 4, 4}), 6);
  const auto f = net.one("aten::flatten", "flatten", {tensor(a), ints({2}), ints({-1})}, {1, 6, 16});
  const auto t = net.one("aten::transpose", "transpose", {tensor(f), ints({1}), ints({2})}, {1, 16, 6});
  const auto hidden = net.linear("hidden", t, 8);
  const auto back = net.one("aten::transpose", "back", {tensor(hidden), ints({1}), ints({-1})}, {1, 8, 16});
  const auto map = net.one("aten::reshape", "map", {tensor(back), ints({1, 8, 4, 4})}, {1, 8, 4, 4});
  analyse({net.conv("head", map, 2)});
  EXPECT_EQ(prunable(), (names{"a", "hidden"}));
  EXPECT_EQ(graph.channel_axis[static_cast<std::size_t>(t)], 2);
  EXPECT_EQ(graph.sites[1].axis, 2);
  EXPECT_EQ(graph.layers[1].axis, 2);
  ASSERT_NE(extent(map, 1, 1), nullptr);
  EXPECT_EQ(channels(map, "hidden"), iota(8));
}

TEST_F(channel_graph_axes_test, pixel_shuffle_couples_the_channels_of_a_block) {
  const auto a = net.conv("a", net.input({1, 3, 4, 4}), 16);
  const auto p = net.one("aten::pixel_shuffle", "shuffle", {tensor(a), ints({2})}, {1, 4, 8, 8});
  analyse({net.conv("head", p, 2)});
  EXPECT_EQ(group("a").channels, 4);
  EXPECT_EQ(channels(a, "a")[5], 1);
}

TEST_F(channel_graph_axes_test, padding_channels_stay) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const auto p = net.one("aten::pad", "pad", {tensor(a), ints({0, 0, 0, 0, 2, 2}), nothing(), nothing()}, {1, 12, 8, 8});
  analyse({net.conv("head", p, 2)});
  EXPECT_EQ(prunable(), names{"a"});
  EXPECT_EQ(graph.layouts[static_cast<std::size_t>(p)][2], (channel_ref{index("a"), 0}));
  EXPECT_TRUE(group("pad").locked);
}

TEST_F(channel_graph_axes_test, computed_extents_that_follow_do_not_lock) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const size_origin half{.extents = {{a, 1}}, .divide = 2};
  const auto v = net.one("aten::view", "v", {tensor(a), computed({1, 2, 4, 64}, {{}, {}, half, {}})}, {1, 2, 4, 64});
  const auto back = net.one("aten::reshape", "back", {tensor(v), ints({1, -1, 8, 8})}, {1, 8, 8, 8});
  analyse({net.conv("head", back, 2)});
  EXPECT_EQ(prunable(), names{"a"});
  EXPECT_EQ(group("a").channels, 4) << "both halves in step";
}

}  // namespace
}  // namespace sirfp::test
