#include "sirfp/consumer_metric.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "support/backends.hpp"
#include "support/error_text.hpp"
#include "support/joint_problem.hpp"
#include "support/samples.hpp"

namespace sirfp {
namespace {

struct problem {
  std::int64_t outputs, inputs, taps;
  std::vector<double> weight, gain, covariance;  // covariance: packed

  consumer_weight view() const { return {weight, outputs, inputs, taps, gain}; }
  site_matrices site(const context& ctx) const {
    return site_matrices_sync(ctx, test::state_of(ctx, {inputs, 1, std::vector<double>(static_cast<std::size_t>(inputs)), covariance}));
  }
  std::vector<double> metric(const context& ctx = reference_context()) const {
    site_matrices found = site(ctx);
    add_consumer_metric(ctx, view(), found);
    return found.metric.to_host_sync();
  }
  double at(std::int64_t o, std::int64_t i, std::int64_t t) const { return weight[static_cast<std::size_t>((o * inputs + i) * taps + t)]; }
  double sigma(std::int64_t i, std::int64_t j) const { return covariance[static_cast<std::size_t>(packed_index(i, j))]; }
};

problem random_problem(unsigned seed, std::int64_t outputs, std::int64_t inputs, std::int64_t taps, bool norm) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  problem made{outputs, inputs, taps, {}, {}, {}};
  for (std::int64_t k = 0; k < outputs * inputs * taps; ++k) made.weight.push_back(normal(random));
  for (std::int64_t o = 0; norm && o < outputs; ++o) made.gain.push_back(std::fabs(normal(random)));
  const std::vector<double> gram = test::random_gram(random, inputs, inputs + 2);
  for (std::int64_t i = 0; i < inputs; ++i)
    for (std::int64_t j = 0; j <= i; ++j) made.covariance.push_back(gram[static_cast<std::size_t>(i * inputs + j)]);
  return made;
}

// The formula of METHOD 4, term by term.
std::vector<double> by_definition(const problem& p) {
  long double denominator = 0;
  if (!p.gain.empty()) denominator = 1;  // the gains are normalised by the caller
  for (std::int64_t o = 0; p.gain.empty() && o < p.outputs; ++o)
    for (std::int64_t t = 0; t < p.taps; ++t)
      for (std::int64_t i = 0; i < p.inputs; ++i)
        for (std::int64_t j = 0; j < p.inputs; ++j) denominator += static_cast<long double>(p.at(o, i, t) * p.sigma(i, j) * p.at(o, j, t));
  std::vector<double> metric;
  for (std::int64_t i = 0; i < p.inputs; ++i)
    for (std::int64_t j = 0; j < p.inputs; ++j) {
      long double sum = 0;
      for (std::int64_t o = 0; o < p.outputs; ++o)
        for (std::int64_t t = 0; t < p.taps; ++t)
          sum += static_cast<long double>(p.gain.empty() ? 1.0 : p.gain[static_cast<std::size_t>(o)]) *
                 static_cast<long double>(p.at(o, i, t) * p.at(o, j, t));
      metric.push_back(static_cast<double>(sum / denominator));
    }
  return metric;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected, const std::string& where) {
  ASSERT_EQ(found.size(), expected.size()) << where;
  double largest = 0;
  for (const double e : expected) largest = std::max(largest, std::fabs(e));
  for (std::size_t k = 0; k < found.size(); ++k) ASSERT_NEAR(found[k], expected[k], 1e-13 * largest) << where << ", element " << k;
}

TEST(consumer_metric, hand_made_numbers) {
  problem p{2, 2, 1, {1, 2, 3, -1}, {}, {2, 1, 1}};  // W = [1 2; 3 -1], Sigma = [2 1; 1 1]
  // W W^T of the inputs: [10 -1; -1 5]; tr(W Sigma W^T) = (2 + 4 + 4) + (18 - 6 + 1) = 23
  expect_near(p.metric(), {10. / 23, -1. / 23, -1. / 23, 5. / 23}, "without norm");
  p.gain = {3, 1};  // 3 [1 2; 2 4] + [9 -3; -3 1]
  expect_near(p.metric(), {12, 3, 3, 13}, "with norm");
}

TEST(consumer_metric, equals_the_definition) {
  unsigned seed = 0;
  for (const std::int64_t outputs : {1, 2, 7})
    for (const std::int64_t inputs : {1, 2, 5, 16, 17})
      for (const std::int64_t taps : {1, 2, 9})
        for (const bool norm : {false, true}) {
          const problem p = random_problem(++seed, outputs, inputs, taps, norm);
          for (const test::named_context& backend : test::one_of_each_kind()) {
            const std::vector<double> found = p.metric(backend.ctx);
            const std::string where =
                text("seed ", seed, ": ", outputs, " x ", inputs, " x ", taps, norm ? " with norm, " : ", ", backend.name);
            expect_near(found, by_definition(p), where);
            for (std::int64_t i = 0; i < inputs; ++i)
              for (std::int64_t j = 0; j < i; ++j)
                ASSERT_EQ(found[static_cast<std::size_t>(i * inputs + j)], found[static_cast<std::size_t>(j * inputs + i)]) << where;
          }
        }
}

// Without a norm the whole signal has relative size 1, whatever the weights' scale.
TEST(consumer_metric, losing_everything_is_an_error_of_one) {
  for (const double scale : {1e-6, 1.0, 1e6}) {
    problem p = random_problem(3, 4, 6, 9, false);
    for (double& w : p.weight) w *= scale;
    const std::vector<double> metric = p.metric();
    double trace = 0;
    for (std::int64_t i = 0; i < p.inputs; ++i)
      for (std::int64_t j = 0; j < p.inputs; ++j) trace += metric[static_cast<std::size_t>(i * p.inputs + j)] * p.sigma(j, i);
    EXPECT_NEAR(trace, 1, 1e-13) << "weights times " << scale;
  }
}

TEST(consumer_metric, consumers_add_up) {
  const problem first = random_problem(5, 3, 6, 1, false), second = random_problem(6, 2, 6, 4, true);
  for (const test::named_context& backend : test::one_of_each_kind()) {
    std::vector<double> expected = first.metric();
    for (std::size_t k = 0; k < expected.size(); ++k) expected[k] += second.metric()[k];
    site_matrices both = first.site(backend.ctx);
    for (const problem* each : {&first, &second}) add_consumer_metric(backend.ctx, each->view(), both);
    expect_near(both.metric.to_host_sync(), expected, backend.name);
  }
}

// A weight that does not go to a device in one part.
TEST(consumer_metric, of_a_large_weight) {
  const problem p = random_problem(9, 80, 3, 37'000, true);
  const std::vector<double> expected = p.metric();
  for (const test::named_context& backend : test::one_of_each_kind()) {
    const std::vector<double> found = p.metric(backend.ctx);
    for (std::size_t k = 0; k < expected.size(); ++k) EXPECT_NEAR(found[k], expected[k], 1e-10 * expected[0]) << backend.name;
  }
}

TEST(consumer_metric, the_covariance_is_that_of_the_moments) {
  const problem p = random_problem(4, 1, 37, 1, false);
  const moments site{37, 3, std::vector<double>(37), p.covariance};
  for (const test::named_context& backend : test::one_of_each_kind())
    for (const context& lies : {backend.ctx, reference_context()}) {
      const moments_state state = test::state_of(lies, site);
      const site_matrices found = site_matrices_sync(backend.ctx, state);
      EXPECT_EQ(found.covariance.to_host_sync(), unpack(moments_sync(state).covariance, 37)) << backend.name;
      EXPECT_EQ(found.metric.to_host_sync(), std::vector<double>(37 * 37, 0.0)) << backend.name;
    }
  EXPECT_THROW(site_matrices_sync(reference_context(), {}), invalid_argument);
}

TEST(consumer_metric, a_consumer_that_sees_nothing_adds_nothing) {
  problem zero_weight = random_problem(7, 3, 4, 2, false), dead_site = zero_weight, zero_gain = zero_weight;
  std::fill(zero_weight.weight.begin(), zero_weight.weight.end(), 0.0);
  std::fill(dead_site.covariance.begin(), dead_site.covariance.end(), 0.0);
  zero_gain.gain = {0, 0, 0};
  problem underflow = zero_weight;  // its square is denormal, the inverse of that infinite
  underflow.weight[0] = 1e-155;
  for (const test::named_context& backend : test::one_of_each_kind())
    for (const problem& p : {zero_weight, dead_site, zero_gain, underflow}) {
      site_matrices site = p.site(backend.ctx);
      site.metric = buffer::from_host(backend.ctx.memory, std::vector<double>(16, 0.25));
      add_consumer_metric(backend.ctx, p.view(), site);
      EXPECT_EQ(site.metric.to_host_sync(), std::vector<double>(16, 0.25)) << backend.name;
    }
}

TEST(consumer_metric, empty_sizes) {
  for (const test::named_context& backend : test::one_of_each_kind()) {
    site_matrices nothing;
    add_consumer_metric(backend.ctx, {{}, 3, 0, 1, {}}, nothing);
    EXPECT_EQ(random_problem(1, 0, 2, 1, false).metric(backend.ctx), std::vector<double>(4, 0.0)) << backend.name;
    EXPECT_EQ(random_problem(1, 2, 2, 0, false).metric(backend.ctx), std::vector<double>(4, 0.0)) << backend.name;
  }
}

TEST(consumer_metric, bad_use_is_named) {
  const auto refused = [](auto change) {
    problem p = random_problem(8, 3, 12, 2, false);
    site_matrices site = p.site(reference_context());
    change(p, site);
    const std::string what = test::error_text<invalid_argument>([&] { add_consumer_metric(reference_context(), p.view(), site); });
    EXPECT_EQ(site.metric.to_host_sync(), std::vector<double>(static_cast<std::size_t>(site.metric.size()), 0.0))
        << "changed before it was refused";
    return what;
  };
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto of_problem = [&](auto change) { return refused([&](problem& p, site_matrices&) { change(p); }); };
  SIRFP_EXPECT_HAS(of_problem([](problem& p) { p.weight[17] = std::nan(""); }), "consumer weight element 17 is not finite");
  SIRFP_EXPECT_HAS(of_problem([](problem& p) { p.weight[71] = -infinity; }), "element 71 is not finite");
  SIRFP_EXPECT_HAS(of_problem([](problem& p) { p.weight.pop_back(); }), "consumer weight of 3 x 12 x 2 with 71 values");
  SIRFP_EXPECT_HAS(of_problem([](problem& p) { p.taps = -2; }), "consumer weight of 3 x 12 x -2");
  SIRFP_EXPECT_HAS(of_problem([](problem& p) { p.gain = {1, 2, infinity}; }), "norm gain 2 is inf, expected a finite number");
  SIRFP_EXPECT_HAS(of_problem([](problem& p) { p.gain = {1, -2, 0}; }), "norm gain 1 is -2, expected a finite number, not negative");
  SIRFP_EXPECT_HAS(of_problem([](problem& p) { p.gain = {1, 2}; }), "2 norm gains for 3 outputs");
  SIRFP_EXPECT_HAS(refused([](problem&, site_matrices& site) { site.positions = 13; }),
                   "consumer weight of 12 inputs at a site of 13 positions");
  SIRFP_EXPECT_HAS(refused([](problem&, site_matrices& site) { site.metric = buffer(host_memory(), 143); }),
                   "site of 12 positions with 144 covariances and 143 metric entries");
}

}  // namespace
}  // namespace sirfp
