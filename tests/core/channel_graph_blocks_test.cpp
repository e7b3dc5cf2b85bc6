// Groups whose channels have to go in equal numbers: grouped convolutions, chunks, splits and slices.
#include "support/channel_graph_fixture.hpp"

namespace sirfp::test {
namespace {

using channel_graph_blocks_test = channel_graph_test;

TEST_F(channel_graph_blocks_test, grouped_convolution_wants_equal_blocks) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const auto g = net.conv("g", a, 12, {.kernel = 3, .groups = 2});
  analyse({net.conv("head", g, 2)});
  EXPECT_EQ(prunable(), (names{"a", "g"}));
  EXPECT_EQ(group("a").blocks, 2);
  EXPECT_EQ(group("a").block, (ids{0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(group("g").block, (ids{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(axis_of("g.weight", 1)->blocks, 2);
  EXPECT_EQ(axis_of("g.weight", 1)->layout.size(), 8u);
  ASSERT_EQ(graph.sites.size(), 4u);
  EXPECT_EQ(graph.sites[2].name, "g/1");
  EXPECT_EQ(graph.sites[2].first, 4);
  EXPECT_EQ(graph.sites[2].layout[0], (channel_ref{index("a"), 4}));
  EXPECT_EQ(graph.sites[2].consumers[0].block, 1);
}

TEST_F(channel_graph_blocks_test, transposed_grouped_convolution_shares_the_output_axis) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  analyse({net.conv("head", net.conv("g", a, 12, {.kernel = 2, .groups = 2, .transposed = true}), 2)});
  EXPECT_EQ(axis_of("g.weight", 0)->blocks, 1);
  EXPECT_EQ(axis_of("g.weight", 1)->blocks, 2);
  EXPECT_EQ(axis_of("g.weight", 1)->layout.size(), 12u);
  EXPECT_EQ(graph.sites[1].consumers[0].input_axis, 0);
}

TEST_F(channel_graph_blocks_test, finer_blocks_serve_the_coarser_ones) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 16);
  const auto two = net.conv("two", a, 4, {.groups = 2}), four = net.conv("four", a, 8, {.groups = 4});
  analyse({net.conv("head", net.cat({two, four}), 2)});
  EXPECT_EQ(group("a").blocks, 4);
  EXPECT_FALSE(group("a").locked);
}

TEST_F(channel_graph_blocks_test, blocks_over_two_groups_join_them) {
  const auto x = net.input({1, 3, 8, 8});
  const auto both = net.cat({net.conv("a", x, 8), net.conv("b", x, 8)});
  analyse({net.conv("head", net.conv("g", both, 8, {.groups = 2}), 2)});
  EXPECT_EQ(group("a").channels, 16);
  EXPECT_EQ(group("a").producers, (names{"a", "b"}));
  EXPECT_EQ(group("a").blocks, 2);
}

TEST_F(channel_graph_blocks_test, blocks_that_share_channels_lock) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const auto twice = net.cat({a, a});
  const auto part = net.one("aten::slice", "slice", {tensor(twice), ints({1}), ints({4}), ints({16}), ints({1})}, {1, 12, 8, 8});
  analyse({net.conv("head", net.cat({net.conv("halves", twice, 4, {.groups = 2}), net.conv("g", part, 6, {.groups = 2})}), 2)});
  EXPECT_NE(group("a").lock_reason.find("at g: needs equal numbers in 2 blocks of channels, but its blocks share channels"),
            std::string::npos)
      << all();
}

TEST_F(channel_graph_blocks_test, same_channels_in_every_block_need_no_demand) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  analyse({net.conv("head", net.conv("g", net.cat({a, a}), 4, {.groups = 2}), 2)});
  EXPECT_EQ(group("a").blocks, 1);
  EXPECT_FALSE(group("a").locked);
}

TEST_F(channel_graph_blocks_test, chunks_lose_equal_numbers) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const auto parts = net.make("aten::chunk", "chunk", {tensor(a), ints({2}), ints({1})}, {{1, 4, 8, 8}, {1, 4, 8, 8}});
  analyse({net.conv("head", net.cat({net.conv("p", parts[0], 3), net.conv("q", parts[1], 3)}), 2)});
  EXPECT_EQ(group("a").blocks, 2);
  EXPECT_EQ(channels(parts[1], "a"), (ids{4, 5, 6, 7}));
}

TEST_F(channel_graph_blocks_test, split_sizes_follow_and_no_piece_may_vanish) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 12);
  const auto parts = net.make("aten::split_with_sizes", "split", {tensor(a), ints({4, 8}), ints({1})}, {{1, 4, 8, 8}, {1, 8, 8, 8}});
  analyse({net.conv("head", net.cat({net.conv("p", parts[0], 3), net.conv("q", parts[1], 3)}), 2)});
  EXPECT_FALSE(group("a").locked);
  EXPECT_EQ(group("a").blocks, 3);
  EXPECT_EQ(extent(parts[0], 1, 1)->layout.size(), 8u);
}

TEST_F(channel_graph_blocks_test, a_piece_of_one_channel_locks) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const auto parts = net.make("aten::split_with_sizes", "split", {tensor(a), ints({1, 7}), ints({1})}, {{1, 1, 8, 8}, {1, 7, 8, 8}});
  analyse({net.conv("head", net.cat({net.conv("p", parts[0], 3), net.conv("q", parts[1], 3)}), 2)});
  EXPECT_TRUE(group("a").locked);
  EXPECT_NE(group("a").lock_reason.find("vanish"), std::string::npos) << all();
}

TEST_F(channel_graph_blocks_test, slice_bounds_follow) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 12);
  const auto s = net.one("aten::slice", "slice", {tensor(a), ints({1}), ints({4}), ints({-4}), ints({1})}, {1, 4, 8, 8});
  analyse({net.conv("head", net.cat({a, s}), 2)});
  EXPECT_EQ(channels(s, "a"), (ids{4, 5, 6, 7}));
  EXPECT_EQ(extent(s, 2)->factor, 1);
  EXPECT_EQ(extent(s, 2)->layout.size(), 4u);
  EXPECT_EQ(extent(s, 3)->factor, -1);
  EXPECT_EQ(extent(s, 3)->layout[0].channel, 8);
  EXPECT_EQ(group("a").blocks, 3) << "the slice and what is behind it keep a channel";
}

}  // namespace
}  // namespace sirfp::test
