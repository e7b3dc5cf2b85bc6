// What cannot be pruned, and the reason that is given for it.
#include "support/channel_graph_fixture.hpp"
#include "support/error_text.hpp"

namespace sirfp::test {
namespace {

using channel_graph_locks_test = channel_graph_test;

TEST_F(channel_graph_locks_test, spatial_gate_scales_all_channels_alike) {
  const auto x = net.conv("stem", net.input({1, 3, 8, 8}), 6);
  analyse({net.conv("head", net.binary("aten::mul", x, net.conv("gate", x, 1)), 2)});
  EXPECT_EQ(prunable(), names{"stem"});
  EXPECT_NE(group("gate").lock_reason.find("one channel is repeated over others"), std::string::npos) << all();
}

TEST_F(channel_graph_locks_test, unknown_operators_lock_by_name_and_place) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 4);
  const auto odd = net.one("aten::renorm", "enc.odd", {tensor(a), ints({2})}, net.extents(a));
  analyse({net.conv("head", net.conv("b", net.add(odd, net.conv("c", odd, 4)), 4), 2)});
  EXPECT_EQ(group("a").lock_reason, "aten::renorm at enc.odd: no rule");
  EXPECT_TRUE(group("c").locked) << "added to channels that are not followed";
  EXPECT_EQ(prunable(), names{"b"});
}

TEST_F(channel_graph_locks_test, channel_mixing_locks_and_names_itself) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const auto n = net.one("aten::group_norm", "norm", {tensor(a), ints({2}), nothing(), nothing()}, net.extents(a));
  const auto b = net.conv("b", n, 8);
  const auto s = net.one("aten::softmax", "soft", {tensor(b), ints({1}), nothing()}, net.extents(b));
  const auto c = net.conv("c", s, 8);
  const auto m = net.one("aten::mean", "mean", {tensor(c), ints({1}), flag(true), nothing()}, {1, 1, 8, 8});
  analyse({net.conv("head", net.binary("aten::mul", net.conv("d", c, 8), m), 2)});
  EXPECT_EQ(group("a").lock_reason, "aten::group_norm at norm: mixes channels");
  EXPECT_EQ(group("b").lock_reason, "aten::softmax at soft: mixes channels");
  EXPECT_EQ(group("c").lock_reason, "aten::mean at mean: mixes channels");
  EXPECT_EQ(prunable(), names{"d"});
}

TEST_F(channel_graph_locks_test, a_computed_weight_locks_both_sides) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const auto w = net.unary("aten::tanh", net.parameter("w", {4, 8, 1, 1}));
  const auto y = net.one("aten::conv2d", "dynamic", {tensor(a), tensor(w), nothing(), ints({1, 1}), ints({0, 0}), ints({1, 1}), ints({1})},
                         {1, 4, 8, 8});
  analyse({net.conv("head", y, 2)});
  EXPECT_TRUE(prunable().empty()) << all();
  EXPECT_EQ(group("a").lock_reason, "aten::conv2d at dynamic: computed weight");
}

TEST_F(channel_graph_locks_test, a_write_that_is_read_under_an_older_name_locks) {
  const auto x = net.input({1, 3, 8, 8});
  const auto a = net.conv("a", x, 8), b = net.conv("b", x, 8);
  net.one("aten::add_", "hidden", {tensor(a), tensor(b)}, net.extents(a));
  analyse({net.conv("head", a, 2)});
  EXPECT_TRUE(prunable().empty()) << all();
  EXPECT_EQ(group("a").producers, (names{"a", "b"}));
  SIRFP_EXPECT_HAS(group("a").lock_reason, "aten::add_ at hidden: writes into a tensor");
}

TEST_F(channel_graph_locks_test, copies_into_slices_lock) {
  const auto x = net.input({1, 3, 8, 8});
  const auto a = net.conv("a", x, 8), b = net.conv("b", x, 4);
  const auto s = net.one("aten::slice", "slice", {tensor(a), ints({1}), ints({0}), ints({4}), ints({1})}, net.extents(b));
  net.one("aten::copy_", "copy", {tensor(s), tensor(b), flag(false)}, net.extents(b));
  analyse({net.conv("head", a, 2)});
  EXPECT_TRUE(prunable().empty()) << all();
}

// y.view(n, c, h * w) with c from another tensor: right for the original, wrong once the two lose different channels.
TEST_F(channel_graph_locks_test, computed_extents_that_would_not_follow_lock) {
  const auto x = net.input({1, 3, 8, 8});
  const auto a = net.conv("a", x, 8), b = net.conv("b", a, 8);
  const auto own = net.one("aten::view", "own", {tensor(a), computed({1, 8, 64}, {{}, {{{a, 1}}}, {}})}, {1, 8, 64});
  const auto foreign = net.one("aten::view", "foreign", {tensor(b), computed({1, 8, 64}, {{}, {{{a, 1}}}, {}})}, {1, 8, 64});
  const auto back = [&](std::int32_t y) { return net.one("aten::reshape", "back", {tensor(y), ints({1, -1, 8, 8})}, {1, 8, 8, 8}); };
  analyse({net.conv("head", net.cat({back(own), back(foreign)}), 2)});
  EXPECT_TRUE(group("b").locked);
  EXPECT_TRUE(group("a").locked);
  EXPECT_EQ(group("b").lock_reason, "aten::view at foreign: a computed extent that would not follow the channels");
}

TEST_F(channel_graph_locks_test, numbers_made_of_channel_counts_lock) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 8);
  op_argument count{.type = op_argument::kind::floats, .floats = {8}, .literal = {0}, .origins = {{.extents = {{a, 1}}}}};
  const auto y = net.one("aten::div", "scale", {tensor(a), count}, net.extents(a));
  analyse({net.conv("head", y, 2)});
  EXPECT_EQ(group("a").lock_reason, "aten::div at scale: computes with a number of channels");
}

TEST_F(channel_graph_locks_test, lock_patterns_go_by_producer) {
  const auto a = net.conv("enc.a", net.input({1, 3, 8, 8}), 4);
  const auto b = net.conv("enc.b", a, 4), c = net.conv("dec.c", a, 5);
  const auto head = net.conv("head", net.cat({net.add(a, b), c}), 2);
  analyse({head}, {.lock = {"enc.b"}});
  EXPECT_EQ(prunable(), names{"dec.c"});
  EXPECT_EQ(group("enc.a").lock_reason, "locked by pattern 'enc.b'");
  analyse({head}, {.lock = {"d?c.*"}});
  EXPECT_EQ(prunable(), names{"enc.a"});
  const std::string error = error_text<sirfp::invalid_argument>([&] { analyse({head}, {.lock = {"decc"}}); });
  SIRFP_EXPECT_HAS(error, "'decc'");
  SIRFP_EXPECT_HAS(error, "'dec.c'");
}

TEST_F(channel_graph_locks_test, single_channels_lock) {
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 1);
  analyse({net.conv("head", a, 2)});
  EXPECT_EQ(group("a").lock_reason, "single channel");
}

}  // namespace
}  // namespace sirfp::test
