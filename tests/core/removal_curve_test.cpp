#include "sirfp/removal_curve.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "sirfp/expects.hpp"
#include "support/backends.hpp"
#include "support/error_text.hpp"
#include "support/hand_made_graph.hpp"

namespace sirfp {
namespace {

using test::channels_of;
using test::hand_made_graph;
using test::joined;
using test::joint_problem;

using matrix = std::vector<double>;

std::vector<removal_curve> ranked(const hand_made_graph& made, double lambda = 1e-3) {
  return rank_joint(reference_context(), made.graph, made.sites(), lambda);
}

long double total_error(const joint_problem& problem, const std::vector<std::uint8_t>& removed, double lambda) {
  long double sum = 0;
  for (const test::joint_site& site : problem.sites) sum += test::removal_error(site, removed, lambda);
  return sum;
}

double scale_of(const joint_problem& problem) {
  double scale = 0;
  for (const test::joint_site& site : problem.sites)
    for (std::size_t i = 0, n = site.channel.size(); i < n; ++i) scale += site.metric[i * n + i] * site.covariance[i * n + i];
  return scale;
}

// Channels of the problem that are the curve's group's: first ... first + width - 1. Each step's cost is what least squares over the whole
// set says, the other groups' channels staying; `greedy`: and no other channel would have cost less.
void expect_costs_of_least_squares(const joint_problem& problem, const removal_curve& curve, std::int32_t first, double lambda, bool greedy,
                                   const std::string& where) {
  const double tolerance = 1e-9 * scale_of(problem);
  std::vector<std::uint8_t> removed(static_cast<std::size_t>(problem.channels), 0);
  long double before = 0;
  for (std::size_t t = 0; t < curve.order.size(); ++t) {
    const auto cost = [&](std::int32_t channel) {
      std::vector<std::uint8_t> then = removed;
      then[static_cast<std::size_t>(first + channel)] = 1;
      return static_cast<double>(total_error(problem, then, lambda) - before);
    };
    const double chosen = cost(curve.order[t]);
    ASSERT_NEAR(curve.costs[t], chosen, tolerance) << where << ", step " << t;
    ASSERT_GE(curve.costs[t], 0) << where << ", step " << t;
    for (std::size_t later = t + 1; greedy && later < curve.order.size(); ++later)
      ASSERT_LE(chosen, cost(curve.order[later]) + tolerance) << where << ", step " << t << ", channel " << curve.order[later];
    removed[static_cast<std::size_t>(first + curve.order[t])] = 1;
    before = total_error(problem, removed, lambda);
  }
}

TEST(rank_joint, each_group_alone_equals_least_squares_at_every_step) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const auto left = static_cast<std::int64_t>(1 + seed % 4), right = static_cast<std::int64_t>(1 + seed / 4 % 4);
    const joint_problem problem = test::random_problem(seed, left + right, 1 + static_cast<int>(seed % 3));
    const double lambda = seed % 2 == 0 ? 1e-3 : 1e-5;
    for (const removal_curve& curve : ranked(test::dealt_to_groups(problem, {left, right}), lambda)) {
      const std::string where = text("seed ", seed, ", group ", curve.group);
      ASSERT_EQ(curve.order.size(), static_cast<std::size_t>(curve.group == 0 ? left : right)) << where;
      ASSERT_EQ(curve.costs.size(), curve.order.size()) << where;
      EXPECT_EQ(curve.quantum, 1);
      expect_costs_of_least_squares(problem, curve, curve.group == 0 ? 0 : static_cast<std::int32_t>(left), lambda, true, where);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(cost_of_orders, any_order_equals_least_squares_at_every_step) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const auto left = static_cast<std::int64_t>(1 + seed % 5), right = static_cast<std::int64_t>(1 + seed / 5 % 3);
    const joint_problem problem = test::random_problem(seed + 1000, left + right, 1 + static_cast<int>(seed % 3));
    const hand_made_graph made = test::dealt_to_groups(problem, {left, right});
    std::mt19937_64 random(seed);
    std::vector<removal_curve> orders;
    for (const std::int32_t group : {1, 0}) {
      removal_curve order{group, group == 1 ? 3 : 1, std::vector<std::int32_t>(static_cast<std::size_t>(group == 1 ? right : left)), {}};
      std::iota(order.order.begin(), order.order.end(), 0);
      std::shuffle(order.order.begin(), order.order.end(), random);
      orders.push_back(order);
    }
    for (const removal_curve& curve : cost_of_orders(reference_context(), made.graph, made.sites(), orders)) {
      const std::string where = text("seed ", seed, ", group ", curve.group);
      const removal_curve& given = orders[curve.group == 1 ? 0 : 1];
      EXPECT_EQ(curve.order, given.order) << where;
      EXPECT_EQ(curve.quantum, given.quantum) << where;
      expect_costs_of_least_squares(problem, curve, curve.group == 0 ? 0 : static_cast<std::int32_t>(left), 1e-3, false, where);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(rank_joint, orthogonal_channels_cost_their_variance_times_their_metric) {
  hand_made_graph made;
  const std::int32_t group = made.group(3);
  made.site(channels_of(group, 0, 3), {4, 0, 0, 0, 1, 0, 0, 0, 2}, {2, 1, -1, 1, 3, 0.5, -1, 0.5, 0.25});
  const std::vector<removal_curve> curves = ranked(made, 1e-13);
  ASSERT_EQ(curves.size(), 1u);
  EXPECT_EQ(curves[0].order, (std::vector<std::int32_t>{2, 1, 0}));
  const std::vector<double> expected = {0.5, 3, 8};
  for (std::size_t t = 0; t < 3; ++t) EXPECT_NEAR(curves[0].costs[t], expected[t], 1e-11);
}

TEST(rank_joint, a_duplicate_goes_first_and_for_nothing) {
  hand_made_graph made;
  const std::int32_t group = made.group(3);
  // 1 and 2 are one signal, and by far the most wanted; 0 is another.
  made.site(channels_of(group, 0, 3), {1, 0, 0, 0, 1, 1, 0, 1, 1}, {1, 0, 0, 0, 100, 100, 0, 100, 100});
  const std::vector<removal_curve> curves = ranked(made, 1e-9);
  EXPECT_EQ(curves[0].order, (std::vector<std::int32_t>{1, 0, 2}));
  EXPECT_NEAR(curves[0].costs[0], 0, 1e-6);
  EXPECT_NEAR(curves[0].costs[1], 1, 1e-6);
  EXPECT_NEAR(curves[0].costs[2], 400, 1e-3);  // it carries its twin's weight as well
}

TEST(rank_joint, a_group_in_two_sites_pays_at_both) {
  hand_made_graph made;
  const std::int32_t group = made.group(2), other = made.group(1);
  made.site(channels_of(group, 0, 2), {1, 0, 0, 1}, {3, 0, 0, 1});
  made.site(joined(channels_of(other, 0, 1), channels_of(group, 0, 2)), {1, 0, 0, 0, 2, 0, 0, 0, 5}, {7, 0, 0, 0, 1, 0, 0, 0, 2});
  const std::vector<removal_curve> curves = ranked(made, 1e-13);
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_EQ(curves[0].order, (std::vector<std::int32_t>{0, 1}));
  EXPECT_NEAR(curves[0].costs[0], 3 * 1 + 1 * 2, 1e-10);
  EXPECT_NEAR(curves[0].costs[1], 1 * 1 + 2 * 5, 1e-10);
  EXPECT_NEAR(curves[1].costs.at(0), 7, 1e-10);
}

// cat([z, z, y]): z leaves both of its places at once, and its two readings cannot stand in for each other.
TEST(rank_joint, a_channel_at_two_positions_leaves_both) {
  hand_made_graph made;
  const std::int32_t group = made.group(2);
  made.site({{group, 0}, {group, 0}, {group, 1}}, {2, 2, 0, 2, 2, 0, 0, 0, 1}, {1, 0.5, 0, 0.5, 1, 0, 0, 0, 9});
  const std::vector<removal_curve> curves = ranked(made, 1e-9);
  EXPECT_EQ(curves[0].order, (std::vector<std::int32_t>{0, 1}));
  EXPECT_NEAR(curves[0].costs[0], (1 + 2 * 0.5 + 1) * 2, 1e-6);
  EXPECT_NEAR(curves[0].costs[1], 9, 1e-6);
}

TEST(rank_joint, groups_that_are_locked_or_stand_nowhere_are_left_out) {
  hand_made_graph made;
  const std::int32_t locked = made.group(2), nowhere = made.group(4), free = made.group(2);
  made.graph.groups[static_cast<std::size_t>(locked)].locked = true;
  made.site(joined(channels_of(locked, 0, 2), channels_of(free, 0, 2)), {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1},
            {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1});
  const std::vector<removal_curve> curves = ranked(made);
  ASSERT_EQ(curves.size(), 1u);
  EXPECT_EQ(curves[0].group, free);
  EXPECT_EQ(curves[0].order, (std::vector<std::int32_t>{1, 0}));
  const std::vector<removal_curve> orders = {{nowhere, 1, {0, 1, 2, 3}, {}}, {free, 1, {0, 1}, {}}};
  const std::vector<removal_curve> priced = cost_of_orders(reference_context(), made.graph, made.sites(), orders);
  ASSERT_EQ(priced.size(), 1u);
  EXPECT_EQ(priced[0].group, free);
}

// Block after block in every round, each in the order of the group's free elimination; a removal's cost stays with its channel.
TEST(rank_joint, blocks_lose_a_channel_each_in_every_round) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::int64_t blocks = seed % 2 == 0 ? 2 : 4, channels = 8;
    std::mt19937_64 random(seed);
    const matrix covariance = test::random_gram(random, channels, channels), metric = test::random_gram(random, channels, 3);
    hand_made_graph made, free;
    made.site(channels_of(made.group(channels, blocks), 0, 8), covariance, metric);
    free.site(channels_of(free.group(channels), 0, 8), covariance, metric);
    const removal_curve curve = ranked(made).at(0), without_blocks = ranked(free).at(0);
    EXPECT_EQ(curve.quantum, blocks);
    std::map<std::int32_t, double> cost, expected;
    for (std::size_t t = 0; t < 8; ++t) {
      EXPECT_EQ(curve.order[t] % blocks, static_cast<std::int64_t>(t) % blocks) << "seed " << seed << ", place " << t;
      cost[curve.order[t]] = curve.costs[t];
      expected[without_blocks.order[t]] = without_blocks.costs[t];
    }
    EXPECT_EQ(cost, expected) << "seed " << seed;
    for (std::int64_t b = 0; b < blocks; ++b) {
      const auto of_block = [&](const removal_curve& from) {
        std::vector<std::int32_t> found;
        std::ranges::copy_if(from.order, std::back_inserter(found), [&](std::int32_t c) { return c % blocks == b; });
        return found;
      };
      EXPECT_EQ(of_block(curve), of_block(without_blocks)) << "seed " << seed << ", block " << b;
    }
  }
}

TEST(ranking_of, a_unit_a_group_or_block_scored_by_place) {
  hand_made_graph made;
  const std::int32_t plain = made.group(3), blocked = made.group(4, 2);
  const std::vector<removal_curve> curves = {{blocked, 2, {2, 3, 0, 1}, {1, 2, 3, 4}}, {plain, 1, {1, 2, 0}, {0.5, 0.5, 7}}};
  const std::vector<ranked_unit> units = ranking_of(made.graph, curves);
  ASSERT_EQ(units.size(), 3u);
  EXPECT_EQ(units[0].name, "group1/0");
  EXPECT_EQ(units[0].order, (std::vector<std::int32_t>{2, 0}));
  EXPECT_EQ(units[0].marginals, (std::vector<double>{1, 3}));
  EXPECT_EQ(units[1].name, "group1/1");
  EXPECT_EQ(units[1].order, (std::vector<std::int32_t>{3, 1}));
  EXPECT_EQ(units[1].scores, (std::vector<double>{0, 1}));
  EXPECT_EQ(units[2].name, "group0");
  EXPECT_EQ(units[2].group, plain);
  EXPECT_EQ(units[2].scores, (std::vector<double>{0, 1, 2}));
}

TEST(rank_joint, is_the_same_bit_for_bit_with_any_number_of_threads) {
  const joint_problem problem = test::random_problem(7, 150, 2);
  const hand_made_graph made = test::dealt_to_groups(problem, {90, 60});
  const auto curves = [&](int threads) { return rank_joint(cpu_context(make_thread_pool(threads)), made.graph, made.sites()); };
  const std::vector<removal_curve> alone = curves(1);
  ASSERT_EQ(alone.size(), 2u);
  for (const int threads : {2, 3, 4}) {
    const std::vector<removal_curve> together = curves(threads);
    for (std::size_t g = 0; g < 2; ++g) {
      EXPECT_EQ(together[g].order, alone[g].order) << threads << " threads";
      EXPECT_EQ(together[g].costs, alone[g].costs) << threads << " threads";
    }
  }
}

TEST(rank_joint, sites_lie_where_the_context_computes) {
  const joint_problem problem = test::random_problem(3, 14, 3);
  const hand_made_graph made = test::dealt_to_groups(problem, {6, 8});
  channel_mask widths = full_mask(made.graph);
  std::fill_n(widths[0].begin(), 3, std::uint8_t{0});
  std::fill_n(widths[1].begin(), 5, std::uint8_t{0});
  const std::vector<removal_curve> expected = ranked(made);
  for (const test::named_context& backend : test::one_of_each_kind()) {
    const std::vector<joint_site> sites = made.sites(backend.ctx.memory);
    const std::vector<removal_curve> found = rank_joint(backend.ctx, made.graph, sites);
    for (std::size_t g = 0; g < 2; ++g) EXPECT_EQ(found[g].order, expected[g].order) << backend.name;
    EXPECT_EQ(joint_sets(backend.ctx, made.graph, sites, widths), joint_sets(reference_context(), made.graph, made.sites(), widths))
        << backend.name;
  }
}

TEST(rank_joint, a_site_of_the_wrong_size_is_named) {
  hand_made_graph made;
  made.site(channels_of(made.group(2), 0, 2), {1, 0, 0, 1}, {1, 0, 0, 1});
  std::vector<joint_site> sites = made.sites();
  sites[0].matrices.covariance = buffer(host_memory(), 3);
  SIRFP_EXPECT_HAS(test::error_text<invalid_argument>([&] { rank_joint(reference_context(), made.graph, sites); }),
                   "site site0: 2 positions with 3 covariances and 4 metric entries, expected 4 of both in one memory");
}

}  // namespace
}  // namespace sirfp
