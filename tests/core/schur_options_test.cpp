// What a caller may ask of the joint elimination, and what it refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "sirfp/expects.hpp"
#include "support/error_text.hpp"
#include "support/schur_runs.hpp"

namespace sirfp::test {
namespace {

TEST(schur_options, forced_lists_and_stop_are_obeyed) {
  const joint_problem problem = random_problem(3, 10, 2);
  const std::vector<std::int32_t> in = {0, 4}, out = {7, 2};
  for (const context& ctx : every_backend()) {
    const schur_elimination free = run(ctx, problem, {.stop_at = 4});
    EXPECT_EQ(free.order.size(), 6u);
    const schur_elimination all = run(ctx, problem);
    EXPECT_TRUE(std::equal(free.order.begin(), free.order.end(), all.order.begin()));
    const schur_elimination found = run(ctx, problem, {.forced_in = in, .forced_out = out});
    ASSERT_EQ(found.order.size(), 8u);
    EXPECT_EQ(found.order[0], 7);
    EXPECT_EQ(found.order[1], 2);
    for (const std::int32_t c : in) EXPECT_EQ(std::ranges::count(found.order, c), 0);
    const schur_elimination limited = run(ctx, problem, {.cost_limit = 0.05});
    EXPECT_LT(limited.order.size(), 10u);
    EXPECT_EQ(run(ctx, problem, {.cost_limit = 1e30}).order, all.order);
    EXPECT_EQ(run(ctx, problem, {.cost_limit = 0, .forced_out = out}).order, out);
  }
}

// Two groups of one site: turns by the share that is left, each time the cheapest of the group, and the brute-force costs.
TEST(schur_options, quotas_interleave_groups) {
  std::mt19937_64 random(8);
  const joint_problem problem{9, {random_site(random, first_channels(9), 20, 9)}};
  const std::vector<schur_quota> quotas = {{0, 3, 2}, {3, 6, 4}};
  for (const context& ctx : every_backend()) {
    const schur_elimination found = run(ctx, problem, {.quotas = quotas});
    ASSERT_EQ(found.order.size(), 6u);
    std::string turns;
    for (const std::int32_t c : found.order) turns += c < 3 ? 'a' : 'b';
    EXPECT_EQ(turns, "abbabb");  // shares left: 2/2 4/4 | 1/2 4/4 | 1/2 3/4 | 1/2 2/4 (tie: lowest) | 0 2/4 | 0 1/4
    std::vector<std::uint8_t> removed(9, 0);
    long double before = 0;
    for (std::size_t t = 0; t < found.order.size(); ++t) {
      removed[static_cast<std::size_t>(found.order[t])] = 1;
      const long double now = removal_error(problem.sites[0], removed, 1e-3);
      EXPECT_NEAR(found.costs[t], static_cast<double>(now - before), 1e-9 * found.total[0]) << t;
      before = now;
    }
  }
}

std::string error_of(const joint_problem& problem, const schur_options& options = {}) {
  return error_text<invalid_argument>([&] { run(cpu_context(make_thread_pool(1)), problem, options); });
}

TEST(schur_options, bad_input_is_named) {
  std::mt19937_64 random(1);
  const joint_problem good{3, {random_site(random, first_channels(3), 5, 3)}};
  const std::vector<std::int32_t> out_of_range = {3}, negative = {-1}, twice = {1, 1}, one = {1}, two = {0, 1};
  EXPECT_EQ(run(cpu_context(make_thread_pool(1)), good).order.size(), 3U);
  EXPECT_EQ(error_of(good, {.lambda = -1}), "lambda: -1, expected a finite number, not negative");
  EXPECT_EQ(error_of(good, {.stop_at = 4}), "stop_at: 4, expected 0 to 3 (the channels not forced out)");
  EXPECT_EQ(error_of(good, {.stop_at = 2, .forced_out = two}), "stop_at: 2, expected 0 to 1 (the channels not forced out)");
  EXPECT_EQ(error_of(good, {.forced_in = out_of_range}), "forced in: channel 3, expected 0 to 2");
  EXPECT_EQ(error_of(good, {.forced_out = negative}), "forced out: channel -1, expected 0 to 2");
  EXPECT_EQ(error_of(good, {.forced_out = twice}), "forced out: channel 1 is forced twice");
  EXPECT_EQ(error_of(good, {.forced_in = one, .forced_out = two}), "forced out: channel 1 is forced twice");
  EXPECT_EQ(error_of(good, {.panel = -2}), "panel: -2, expected at least 0");
  const std::vector<schur_quota> overlapping = {{0, 2, 1}, {1, 2, 1}}, greedy = {{0, 3, 4}}, small = {{0, 3, 1}};
  EXPECT_EQ(error_of(good, {.quotas = overlapping}), "quota 1: channels 1 to 2, expected a range in 2 to 2");
  EXPECT_EQ(error_of(good, {.quotas = greedy}), "quota 0: 4 channels to remove, expected 0 (those forced out) to 3");
  EXPECT_EQ(error_of(good, {.forced_out = two, .quotas = small}), "quota 0: 1 channels to remove, expected 2 (those forced out) to 3");
  EXPECT_EQ(error_of(good, {.stop_at = 1, .quotas = small}), "stop_at: 1, expected 0 beside quotas");
  joint_problem bad = good;
  bad.sites[0].channel[1] = 3;
  EXPECT_EQ(error_of(bad), "site 0: channel 3 at position 1, expected -1 to 2");
  bad = good;
  bad.sites[0].channel.pop_back();
  EXPECT_EQ(error_of(bad), "site 0: 2 channels given, expected one for each of 3 positions");
  bad = good;
  bad.sites[0].covariance[3] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(error_of(bad), "site 0: covariance (1, 0) is nan, expected a finite number");
  bad = good;
  bad.sites[0].metric[4] = -2;
  EXPECT_EQ(error_of(bad), "site 0: metric (1, 1) is -2, expected at least 0");
}

TEST(schur_options, bad_numbers_are_found_on_the_device_too) {
  for (const context& ctx : every_backend()) {
    if (ctx.backend->space() == memory_space::host) continue;
    const auto error_of = [&](auto change) {
      joint_problem bad = one_site(3, {1, 0, 0, 0, 1, 0, 0, 0, 1}, {1, 0, 0, 0, 1, 0, 0, 0, 1});
      change(bad.sites[0]);
      return error_text<invalid_argument>([&] { eliminate_joint(ctx, 3, resident_problem(ctx, bad).sites, {}); });
    };
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(error_of([](joint_site& site) { site.covariance[4] = nan; }),
              "site 0: covariance (1, 1) is nan, expected a finite number, not negative");
    EXPECT_EQ(error_of([](joint_site& site) { site.metric[8] = -2; }),
              "site 0: metric (2, 2) is -2, expected a finite number, not negative");
    EXPECT_EQ(error_of([](joint_site& site) { site.covariance[3] = nan; }),
              "site 0: tr(metric covariance) is nan, expected finite numbers in both");
    EXPECT_EQ(error_of([](joint_site& site) { site.metric[7] = nan; }),
              "site 0: tr(metric covariance) is nan, expected finite numbers in both");
    const joint_problem here = one_site(1, {1}, {1});
    std::vector<schur_site> misplaced = here.views();
    misplaced[0].space = ctx.backend->space();
    EXPECT_THROW(eliminate_joint(ctx, 1, misplaced, {}), invalid_argument) << "a device cannot read the host's memory";
    EXPECT_THROW(eliminate_joint(reference_context(), 1, resident_problem(ctx, here).sites, {}), invalid_argument);
  }
}

}  // namespace
}  // namespace sirfp::test
