// The sets that are kept at given widths: one interleaved elimination of all groups.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "sirfp/removal_curve.hpp"
#include "support/hand_made_graph.hpp"

namespace sirfp {
namespace {

using test::channels_of;
using test::hand_made_graph;
using test::joined;
using test::joint_problem;

channel_mask sets(const hand_made_graph& made, const channel_mask& widths, double lambda = 1e-3) {
  return joint_sets(reference_context(), made.graph, made.sites(), widths, lambda);
}

// The first channels of each group (and of each block) go.
channel_mask without_first(const channel_graph& graph, const std::vector<std::int64_t>& removed) {
  channel_mask mask = full_mask(graph);
  for (std::size_t g = 0; g < removed.size(); ++g)
    std::fill(mask[g].begin(), mask[g].begin() + removed[g] * graph.groups[g].blocks, std::uint8_t{0});
  return mask;
}

// METHOD 6 by explicit least squares: the group with the largest (left to remove) / (to remove in all) loses its cheapest channel.
channel_mask by_least_squares(const joint_problem& problem, const std::vector<std::int64_t>& widths, const channel_mask& wanted,
                              double tolerance) {
  std::vector<std::int64_t> all, left;
  for (const auto& group : wanted) all.push_back(std::count(group.begin(), group.end(), 0));
  left = all;
  std::vector<std::uint8_t> removed(static_cast<std::size_t>(problem.channels), 0);
  while (true) {
    std::size_t turn = left.size();
    for (std::size_t g = 0; g < left.size(); ++g)
      if (left[g] > 0 && (turn == left.size() || left[g] * all[turn] > left[turn] * all[g])) turn = g;
    if (turn == left.size()) break;
    --left[turn];
    std::int64_t first = 0;
    for (std::size_t g = 0; g < turn; ++g) first += widths[g];
    std::int64_t best = -1;
    double least = 0;
    for (std::int64_t c = first; c < first + widths[turn]; ++c) {
      std::vector<std::uint8_t> then = removed;
      if (std::exchange(then[static_cast<std::size_t>(c)], std::uint8_t{1}) != 0) continue;
      long double error = 0;
      for (const test::joint_site& site : problem.sites) error += test::removal_error(site, then, 1e-3);
      if (best >= 0 && static_cast<double>(error) >= least - tolerance) continue;
      best = c;
      least = static_cast<double>(error);
    }
    removed[static_cast<std::size_t>(best)] = 1;
  }
  channel_mask mask = wanted;
  std::size_t number = 0;
  for (auto& group : mask)
    for (std::uint8_t& kept : group) kept = removed[number++] == 0 ? 1 : 0;
  return mask;
}

TEST(joint_sets, equals_least_squares_removal_by_removal) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::vector<std::int64_t> widths = {static_cast<std::int64_t>(2 + seed % 3), static_cast<std::int64_t>(1 + seed / 3 % 3), 2};
    const std::int64_t channels = widths[0] + widths[1] + widths[2];
    const joint_problem problem = test::random_problem(seed, channels, 1 + static_cast<int>(seed % 3));
    const hand_made_graph made = test::dealt_to_groups(problem, widths);
    std::mt19937_64 random(seed);
    std::vector<std::int64_t> removed;
    for (const std::int64_t width : widths) removed.push_back(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(width)));
    const channel_mask wanted = without_first(made.graph, removed);
    ASSERT_EQ(sets(made, wanted), by_least_squares(problem, widths, wanted, 1e-12)) << "seed " << seed;
  }
}

// a0 = b0. Alone each group gives its copy away for nothing; together one of them has to stay.
TEST(joint_sets, two_groups_that_repeat_each_other_do_not_both_lose_it) {
  hand_made_graph made;
  const std::int32_t a = made.group(2), b = made.group(2);
  std::vector<double> covariance = {1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1}, metric(16, 0.0);
  const std::vector<double> weight = {3, 1, 3, 1};  // one output a signal: a0 and b0 together, a1, b1
  metric[0] = metric[2] = metric[8] = metric[10] = weight[0] * weight[2];
  metric[5] = metric[15] = weight[1] * weight[1];
  made.site(joined(channels_of(a, 0, 2), channels_of(b, 0, 2)), covariance, metric);
  for (const removal_curve& alone : rank_joint(reference_context(), made.graph, made.sites(), 1e-9)) {
    EXPECT_EQ(alone.order.front(), 0);
    EXPECT_NEAR(alone.costs.front(), 0, 1e-6);
  }
  EXPECT_EQ(sets(made, {{1, 0}, {1, 0}}, 1e-9), (channel_mask{{0, 1}, {1, 0}}));
}

TEST(joint_sets, only_the_counts_of_the_widths_matter) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    hand_made_graph made;
    const std::int32_t locked = made.group(3), plain = made.group(7), blocked = made.group(12, 3);
    made.graph.groups[static_cast<std::size_t>(locked)].locked = true;
    made.site(joined(channels_of(locked, 0, 3), joined(channels_of(plain, 0, 7), channels_of(blocked, 0, 5))),
              test::random_gram(random, 15, 20), test::random_gram(random, 15, 4));
    made.site(channels_of(blocked, 0, 12), test::random_gram(random, 12, 20), test::random_gram(random, 12, 4));
    const std::vector<std::int64_t> removed = {0, static_cast<std::int64_t>(random() % 7), static_cast<std::int64_t>(random() % 4)};
    const channel_mask wanted = without_first(made.graph, removed), found = sets(made, wanted);
    EXPECT_EQ(found[0], wanted[0]);
    EXPECT_EQ(std::count(found[1].begin(), found[1].end(), 0), removed[1]) << "seed " << seed;
    for (std::size_t block = 0; block < 3; ++block) {
      std::int64_t gone = 0;
      for (std::size_t c = block; c < 12; c += 3) gone += found[2][c] == 0;
      EXPECT_EQ(gone, removed[2]) << "seed " << seed << ", block " << block;
    }
    channel_mask elsewhere = wanted;  // the same counts at other channels
    std::ranges::reverse(elsewhere[1]);
    std::ranges::rotate(elsewhere[2], elsewhere[2].begin() + 6);
    EXPECT_EQ(sets(made, elsewhere), found) << "seed " << seed;
  }
}

TEST(joint_sets, a_channel_that_no_site_holds_goes_first) {
  hand_made_graph made;
  const std::int32_t group = made.group(4);
  made.site({{group, 0}, {group, 1}, {group, 3}}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, {1, 0, 0, 0, 2, 0, 0, 0, 3});
  EXPECT_EQ(sets(made, {{0, 1, 1, 1}}), (channel_mask{{1, 1, 0, 1}}));
  EXPECT_EQ(sets(made, {{0, 0, 1, 1}}), (channel_mask{{0, 1, 0, 1}}));
}

TEST(joint_sets, nothing_to_remove_and_nothing_to_go_by) {
  hand_made_graph made;
  const std::int32_t group = made.group(3);
  EXPECT_EQ(sets(made, {{0, 1, 1}}), (channel_mask{{0, 1, 1}}));
  made.site(channels_of(group, 0, 3), {1, 0, 0, 0, 1, 0, 0, 0, 1}, {1, 0, 0, 0, 2, 0, 0, 0, 3});
  EXPECT_EQ(sets(made, {{1, 1, 1}}), (channel_mask{{1, 1, 1}}));
}

TEST(joint_sets, are_the_same_with_any_number_of_threads) {
  const joint_problem problem = test::random_problem(5, 140, 2);
  const hand_made_graph made = test::dealt_to_groups(problem, {80, 60});
  const channel_mask widths = without_first(made.graph, {50, 20});
  const auto found = [&](int threads) { return joint_sets(cpu_context(make_thread_pool(threads)), made.graph, made.sites(), widths); };
  const channel_mask alone = found(1);
  EXPECT_NE(alone, widths);
  for (const int threads : {2, 3, 4}) EXPECT_EQ(found(threads), alone) << threads << " threads";
}

}  // namespace
}  // namespace sirfp
