// What the joint elimination removes and what it costs, against explicit least squares and closed forms.
#include "sirfp/schur_elimination.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "sirfp/compensation.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "support/samples.hpp"
#include "support/schur_runs.hpp"

namespace sirfp::test {
namespace {

void expect_every_channel_once(const schur_elimination& found, std::int64_t channels, const std::string& where) {
  std::vector<std::int32_t> sorted = found.order;
  std::ranges::sort(sorted);
  EXPECT_EQ(sorted, first_channels(channels)) << where;
  for (const double cost : found.costs) EXPECT_TRUE(std::isfinite(cost) && cost >= 0) << where << ", cost " << cost;
}

// At every step: the cost is what explicit least squares over the whole set says, and no other channel would have cost less.
void expect_brute_force_agrees(const joint_problem& problem, const schur_elimination& found, double lambda, const std::string& where) {
  std::vector<std::uint8_t> removed(static_cast<std::size_t>(problem.channels), 0);
  const auto error = [&] {
    long double sum = 0;
    for (const joint_site& site : problem.sites) sum += removal_error(site, removed, lambda);
    return sum;
  };
  long double scale = 0;
  for (const joint_site& site : problem.sites)
    for (std::size_t i = 0; i < site.channel.size(); ++i)
      scale += static_cast<long double>(site.metric[i * site.channel.size() + i] * site.covariance[i * site.channel.size() + i]);
  const auto tolerance = static_cast<double>(scale) * 1e-9;
  long double before = 0;
  ASSERT_EQ(found.order.size(), static_cast<std::size_t>(problem.channels)) << where;
  for (std::size_t t = 0; t < found.order.size(); ++t) {
    std::vector<double> cost(removed.size(), std::numeric_limits<double>::infinity());
    for (std::size_t c = 0; c < removed.size(); ++c) {
      if (removed[c] != 0) continue;
      removed[c] = 1;
      cost[c] = static_cast<double>(error() - before);
      removed[c] = 0;
    }
    const auto chosen = static_cast<std::size_t>(found.order[t]);
    ASSERT_NEAR(found.costs[t], cost[chosen], tolerance) << where << ", step " << t;
    ASSERT_LE(cost[chosen], *std::ranges::min_element(cost) + tolerance) << where << ", step " << t << ", channel " << chosen;
    removed[chosen] = 1;
    before = error();
  }
}

TEST(schur_elimination, equals_explicit_least_squares_at_every_step) {
  const std::vector<named_context> all = one_of_each_kind();
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const auto channels = static_cast<std::int64_t>(1 + seed % (seed % 40 == 0 ? 12 : 6));
    const joint_problem problem = random_problem(seed, channels, 1 + static_cast<int>(seed % 3));
    const double lambda = seed % 2 == 0 ? 1e-3 : 1e-5;
    for (const named_context& backend : all) {
      if (backend.emulated && seed % 19 != 0) continue;
      expect_brute_force_agrees(problem, run(backend.ctx, problem, {.lambda = lambda, .panel = static_cast<std::int64_t>(seed % 5)}),
                                lambda, text("seed ", seed, ", backend ", backend.name));
    }
    if (HasFatalFailure()) return;
  }
}

TEST(schur_elimination, twelve_channels_equal_explicit_least_squares) {
  const std::vector<named_context> all = one_of_each_kind();
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const joint_problem problem = random_problem(seed, 12, 1);
    for (const named_context& backend : all)
      expect_brute_force_agrees(problem, run(backend.ctx, problem), 1e-3, text("seed ", seed, ", backend ", backend.name));
    if (HasFatalFailure()) return;
  }
}

TEST(schur_elimination, orthogonal_channels_cost_their_variance_times_their_metric) {
  constexpr std::int64_t n = 5;
  std::vector<double> covariance(n * n, 0.0);
  const std::vector<double> variance = {3, 1, 4, 1.5, 2};
  for (std::size_t i = 0; i < n; ++i) covariance[i * n + i] = variance[i];
  std::mt19937_64 random(1);
  const std::vector<double> metric = random_gram(random, n, n);
  for (const context& ctx : every_backend()) {
    const schur_elimination found = run(ctx, one_site(n, covariance, metric), {.lambda = 1e-13});
    expect_every_channel_once(found, n, "orthogonal");
    double last = 0;
    for (std::size_t t = 0; t < n; ++t) {
      const auto j = static_cast<std::size_t>(found.order[t]);
      EXPECT_NEAR(found.costs[t], metric[j * n + j] * variance[j], 1e-10);
      EXPECT_GE(found.costs[t], last);
      last = found.costs[t];
    }
  }
}

// z1 = z0: either goes for nothing; what is left then carries both weights.
TEST(schur_elimination, a_duplicate_costs_nothing_and_its_weight_is_added_to_its_twin) {
  const std::vector<double> covariance = {2, 2, 0, 2, 2, 0, 0, 0, 5};
  const std::vector<double> weight = {0.7, -0.3, 10};  // one output
  std::vector<double> metric;
  for (const double a : weight)
    for (const double b : weight) metric.push_back(a * b);
  for (const context& ctx : every_backend()) {
    const schur_elimination found = run(ctx, one_site(3, covariance, metric), {.lambda = 1e-12});
    EXPECT_EQ(found.order.back(), 2);
    EXPECT_NEAR(found.costs[0], 0, 1e-9);
    EXPECT_NEAR(found.costs[1], (0.7 - 0.3) * (0.7 - 0.3) * 2, 1e-3);  // P had 1e12 in it: 12 of 16 digits are gone
    EXPECT_NEAR(found.costs[2], 500, 1e-6);
    EXPECT_NEAR(found.total[0], 0.16 * 2 + 500, 1e-9);
  }
}

// z2 = z0 + z1 with z0, z1 independent: any of the three goes for nothing, and the weights move accordingly.
TEST(schur_elimination, a_sum_of_two_others_costs_nothing) {
  const std::vector<double> covariance = {1, 0, 1, 0, 1, 1, 1, 1, 2};
  const std::vector<double> weight = {3, 1, 2};
  std::vector<double> metric;
  for (const double a : weight)
    for (const double b : weight) metric.push_back(a * b);
  const std::vector<std::int32_t> third = {2};
  for (const context& ctx : every_backend()) {
    const schur_elimination found = run(ctx, one_site(3, covariance, metric), {.lambda = 1e-12, .forced_out = third});
    EXPECT_EQ(found.order, (std::vector<std::int32_t>{2, 1, 0}));
    EXPECT_NEAR(found.costs[0], 0, 1e-9);
    EXPECT_NEAR(found.costs[1], 9, 1e-2);   // (1 + 2)^2
    EXPECT_NEAR(found.costs[2], 25, 1e-2);  // (3 + 2)^2
  }
}

TEST(schur_elimination, the_cumulated_cost_is_the_error_of_the_compensated_convolution) {
  constexpr std::int64_t channels = 12, outputs = 5, count = 200;
  const samples data = mixed_samples(4, channels, channels, count);
  const moments site = moments_of(data);
  std::mt19937_64 random(9);
  std::normal_distribution<double> normal;
  std::vector<double> weight(outputs * channels);
  for (double& w : weight) w = normal(random);
  std::vector<double> covariance, metric;
  for (std::int64_t i = 0; i < channels; ++i)
    for (std::int64_t j = 0; j < channels; ++j) {
      covariance.push_back(site.covariance[static_cast<std::size_t>(packed_index(i, j))]);
      double sum = 0;
      for (std::int64_t o = 0; o < outputs; ++o)
        sum += weight[static_cast<std::size_t>(o * channels + i)] * weight[static_cast<std::size_t>(o * channels + j)];
      metric.push_back(sum);
    }
  for (const context& ctx : every_backend()) {
    const schur_elimination found = run(ctx, one_site(channels, covariance, metric), {.lambda = 1e-11, .stop_at = 5});
    ASSERT_EQ(found.order.size(), 7u);
    std::vector<std::uint8_t> kept(channels, 1);
    for (const std::int32_t c : found.order) kept[static_cast<std::size_t>(c)] = 0;
    std::vector<double> folded = weight;
    const auto bias = fold_prediction(predict_removed(site, kept, compensation::least_squares, 1e-11), folded, outputs, channels, 1);
    double measured = 0;
    for (std::int64_t s = 0; s < count; ++s)
      for (std::int64_t o = 0; o < outputs; ++o) {
        double difference = bias[static_cast<std::size_t>(o)];
        for (std::int64_t c = 0; c < channels; ++c) {
          const auto at = static_cast<std::size_t>(o * channels + c);
          difference += ((kept[static_cast<std::size_t>(c)] != 0 ? folded[at] : 0) - weight[at]) * data.at(s, c);
        }
        measured += difference * difference / count;
      }
    const double predicted = std::accumulate(found.costs.begin(), found.costs.end(), 0.0);
    EXPECT_GT(measured, 0);
    EXPECT_NEAR(predicted, measured, 1e-6 * measured);
  }
}

// The order does not depend on how many updates are delayed; costs differ by rounding only. (Equal costs may swap; random ones are not
// equal.)
TEST(schur_elimination, blocked_equals_rank_one) {
  for (const std::int64_t n : {1, 2, 17, 63, 64, 65, 130, 200}) {
    std::mt19937_64 random(static_cast<std::uint64_t>(n));
    const joint_problem problem{n, {random_site(random, first_channels(n), 2 * n, n)}};
    const schur_elimination expected = run(reference_context(), problem);
    for (const std::int64_t panel : {0, 1, 2, 7, 64, 500}) {
      for (const named_context& backend : one_of_each_kind()) {
        if (backend.emulated && n * n > 100 * panel * panel && panel != 0 && n > 65) continue;  // flushes take it seconds
        const schur_elimination got = run(backend.ctx, problem, {.panel = panel});
        const std::string where = text(n, " channels, panel ", panel, ", backend ", backend.name);
        ASSERT_EQ(got.order, expected.order) << where;
        for (std::size_t t = 0; t < got.costs.size(); ++t)
          ASSERT_NEAR(got.costs[t], expected.costs[t], 1e-11 * expected.total[0]) << where << ", step " << t;
      }
    }
  }
}

TEST(schur_elimination, any_number_of_threads_gives_the_same_bits) {
  std::mt19937_64 random(5);
  joint_problem problem{500, {}};
  problem.sites.push_back(random_site(random, first_channels(500), 300, 40));
  std::vector<std::int32_t> twice = first_channels(500);
  twice.insert(twice.end(), {3, 4, 5, -1, -1, 7, 7});
  problem.sites.push_back(random_site(random, twice, 700, 40));
  problem.sites.push_back(random_site(random, {1, 2, 3, 8, 9}, 2, 4));
  const schur_elimination expected = run(cpu_context(make_thread_pool(1)), problem);
  expect_every_channel_once(expected, 500, "one thread");
  for (const int threads : {2, 3}) {
    const schur_elimination got = run(cpu_context(make_thread_pool(threads)), problem);
    EXPECT_EQ(got.order, expected.order) << threads;
    EXPECT_EQ(got.costs, expected.costs) << threads;
    EXPECT_EQ(got.total, expected.total) << threads;
  }
}

TEST(schur_elimination, degenerate_covariances_give_finite_costs) {
  for (const named_context& backend : one_of_each_kind())
    for (const double unit : {1e-310, 1e-200, 1.0, 1e200})
      for (const double lambda : {0.0, 1e-300, 1e-12, 1e-3})
        for (std::uint64_t seed = 0; seed < 12; ++seed) {
          if (backend.emulated && seed % 5 != 1) continue;
          std::mt19937_64 random(seed);
          const auto n = static_cast<std::int64_t>(1 + seed * 5 % 40);
          std::vector<std::int32_t> channel = first_channels(n);
          if (seed % 3 == 0) channel.insert(channel.end(), channel.begin(), channel.end());
          joint_problem problem{n, {random_site(random, channel, 1 + static_cast<std::int64_t>(seed % 2), 2)}};
          joint_site& site = problem.sites[0];
          for (double& value : site.covariance) value *= seed == 11 ? 0 : unit;
          for (std::int64_t i = 0; i < site.positions; i += 3)  // dead channels
            for (std::int64_t k = 0; k < site.positions; ++k)
              site.covariance[static_cast<std::size_t>(i * site.positions + k)] =
                  site.covariance[static_cast<std::size_t>(k * site.positions + i)] = 0;
          const std::string where = text(backend.name, ", unit ", unit, ", lambda ", lambda, ", seed ", seed);
          const schur_elimination found = run(backend.ctx, problem, {.lambda = lambda});
          expect_every_channel_once(found, n, where);
          double trace = 0;  // no cost beyond predicting by nothing
          for (std::int64_t i = 0; i < site.positions; ++i)
            trace += site.covariance[static_cast<std::size_t>(i * (site.positions + 1))] / unit;
          for (const double cost : found.costs) ASSERT_LE(cost / unit, 1e3 * trace + 1e-300) << where;
        }
}

// Dead, duplicate and linearly dependent channels, planted among independent ones: exactly as many as there are go, and nothing else.
TEST(schur_elimination, a_tiny_lambda_and_a_cost_limit_remove_exactly_what_is_lossless) {
  for (const context& ctx : every_backend())
    for (const std::int64_t n : {9, 24, 120, 300}) {
      if (n == 300 && ctx.backend->name() == "reference") continue;  // plain loops
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        const std::int64_t independent = 2 * n / 3;
        std::mt19937_64 random(seed);
        std::normal_distribution<double> normal;
        std::uniform_real_distribution<double> exponent(-1, 1);
        std::vector<double> mixture(static_cast<std::size_t>(n * independent), 0.0);
        for (std::int64_t c = 0; c < n; ++c) {
          double* row = mixture.data() + c * independent;
          const double amplitude = std::pow(10, exponent(random));
          if (c < independent) {
            row[c] = amplitude;
          } else if (c % 3 == 0) {
            row[c % independent] = amplitude;  // a multiple of another
          } else if (c % 3 == 1) {
            for (std::int64_t k = 0; k < independent; ++k) row[k] = normal(random);  // a combination of all; else dead
          }
        }
        std::vector<double> covariance;
        for (std::int64_t i = 0; i < n; ++i)
          for (std::int64_t j = 0; j < n; ++j)
            covariance.push_back(std::inner_product(mixture.begin() + i * independent, mixture.begin() + (i + 1) * independent,
                                                    mixture.begin() + j * independent, 0.0));
        const joint_problem problem = one_site(n, covariance, random_gram(random, n, n));
        const schur_elimination found = run(ctx, problem, {.lambda = 1e-12, .cost_limit = 1e-9});
        EXPECT_EQ(static_cast<std::int64_t>(found.order.size()), n - independent) << n << " channels, seed " << seed;
        std::vector<std::uint8_t> removed(static_cast<std::size_t>(n), 0);
        for (const std::int32_t c : found.order) removed[static_cast<std::size_t>(c)] = 1;
        EXPECT_LE(removal_error(problem.sites[0], removed, 0), 1e-12L * static_cast<long double>(found.total[0]))
            << n << " channels, seed " << seed;
      }
    }
}

TEST(schur_elimination, equal_channels_go_in_index_order) {
  constexpr std::int64_t n = 70;
  std::vector<double> covariance(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) covariance[i * n + i] = 1;
  for (const context& ctx : every_backend()) {
    EXPECT_EQ(run(ctx, one_site(n, covariance, covariance)).order, first_channels(n));
    EXPECT_EQ(run(ctx, one_site(n, std::vector<double>(n * n, 0.0), covariance)).order, first_channels(n));
    EXPECT_EQ(run(ctx, {n, {}}).order, first_channels(n));  // nobody reads them
    EXPECT_TRUE(run(ctx, {0, {}}).order.empty());
  }
}

}  // namespace
}  // namespace sirfp::test
