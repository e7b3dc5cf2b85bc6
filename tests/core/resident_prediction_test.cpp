// The prediction on every backend is the host's, folded into weights.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "sirfp/compensation.hpp"
#include "sirfp/expects.hpp"
#include "support/backends.hpp"
#include "support/error_text.hpp"
#include "support/feature_cases.hpp"
#include "support/placed_features.hpp"
#include "support/samples.hpp"

namespace sirfp::test {
namespace {

// The systems here have condition numbers below 1e5; another order of summation moves the last bits of that much more.
constexpr double rounding = 1e-8;

std::vector<double> normal_weight(std::uint64_t seed, std::int64_t size) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> weight(static_cast<std::size_t>(size));
  for (double& w : weight) w = normal(random);
  return weight;
}

std::vector<std::uint8_t> kept_at_random(std::uint64_t seed, std::int64_t channels) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> kept(static_cast<std::size_t>(channels));
  for (auto& k : kept) k = static_cast<std::uint8_t>(random() % 3 != 0);
  return kept;
}

std::unique_ptr<const resident_prediction> predicted(const context& ctx, const moments_state& site, const std::vector<std::uint8_t>& kept,
                                                     compensation how, double lambda = 1e-3) {
  const moments_state* const only[] = {&site};
  return predict_resident_sync(ctx, only, kept, how, lambda);
}

struct weight_shape {
  std::int64_t outputs, taps;
};

void expect_the_host_s(const named_context& backend, const moments& site, const std::vector<std::uint8_t>& kept, compensation how,
                       const weight_shape& shape, const std::string& which) {
  const std::vector<double> weight = normal_weight(11, shape.outputs * site.channels * shape.taps);
  std::vector<double> expected = weight;
  const std::vector<double> expected_bias =
      fold_prediction(predict_removed(site, kept, how), expected, shape.outputs, site.channels, shape.taps);
  std::vector<double> got = weight;
  const auto prediction = predicted(backend.ctx, state_of(backend.ctx, site), kept, how);
  const std::vector<double> bias = prediction->fold_sync(got, shape.outputs, shape.taps);
  ASSERT_EQ(bias.size(), expected_bias.size()) << backend.name << which;
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], rounding * (1 + std::fabs(expected[i]))) << backend.name << which << ", weight " << i;
  for (std::size_t i = 0; i < bias.size(); ++i)
    ASSERT_NEAR(bias[i], expected_bias[i], rounding * (1 + std::fabs(expected_bias[i]))) << backend.name << which << ", bias " << i;
}

TEST(resident_prediction, equals_the_host_s) {
  for (const named_context& backend : all_backends())
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
      const auto channels = static_cast<std::int64_t>(1 + seed * 7 % 70);
      const moments site = moments_of(mixed_samples(seed, channels, channels, 3 * channels));
      const weight_shape shape{static_cast<std::int64_t>(1 + seed % 5), seed % 2 == 0 ? 1 : 9};
      const compensation how = std::vector{compensation::least_squares, compensation::constant, compensation::none}[seed % 4 % 3];
      expect_the_host_s(backend, site, kept_at_random(seed, channels), how, shape, ", seed " + std::to_string(seed));
      if (HasFatalFailure()) return;
    }
}

void expect_the_host_s_rows(const context& ctx, const moments_state& measured, const std::vector<std::uint8_t>& kept, compensation how) {
  const moments site = moments_sync(measured);
  const site_prediction wanted = predict_removed(site, kept, how);
  const auto prediction = predicted(ctx, measured, kept, how);
  const std::vector<double> explained = prediction->explained_sync(measured);
  ASSERT_EQ(explained.size(), wanted.removed.size());
  for (std::size_t r = 0; r < wanted.removed.size(); ++r) {
    const std::vector<double> row = prediction->row_sync(static_cast<std::int64_t>(r));
    ASSERT_EQ(row.size(), wanted.kept.size());
    double sum = 0;
    for (std::size_t k = 0; k < row.size(); ++k) {
      const double weight = wanted.matrix[r * row.size() + k];
      ASSERT_NEAR(row[k], weight, rounding * (1 + std::fabs(weight)));
      sum += weight * site.covariance[static_cast<std::size_t>(packed_index(wanted.removed[r], wanted.kept[k]))];
    }
    ASSERT_NEAR(explained[r], sum, rounding * (1 + std::fabs(sum)));
  }
}

// Around a warp's width, and with nothing on one side.
TEST(resident_prediction, rows_and_what_they_explain_equal_the_host_s) {
  const moments site = moments_of(mixed_samples(3, 70, 70, 210));
  moments still = site;
  still.covariance.assign(still.covariance.size(), 0.0);
  for (const named_context& backend : all_backends())
    for (const std::size_t count : {0, 1, 31, 32, 33, 64, 70})
      for (const compensation how : {compensation::least_squares, compensation::constant})
        for (const moments& of : {site, still}) {
          SCOPED_TRACE(text(backend.name, ", ", count, " kept"));
          std::vector<std::uint8_t> kept(70, 0);
          for (std::size_t c = 0; c < count; ++c) kept[c * 3 % 70] = 1;
          expect_the_host_s_rows(backend.ctx, state_of(backend.ctx, of), kept, how);
          if (HasFatalFailure()) return;
        }
}

// A device has the weight in its notes.
TEST(resident_prediction, of_maps_that_the_backend_has_counted) {
  const feature_data data(feature_case{{2, 40, 9, 8}, dtype::f32, layout::nchw, weighting::random});
  for (const named_context& backend : all_backends()) {
    SCOPED_TRACE(backend.name);
    const placed_features placed(backend.ctx, data);
    moments_state measured;
    accumulate_moments(backend.ctx, placed.view(), placed.weights(), measured);
    expect_the_host_s_rows(backend.ctx, measured, kept_at_random(3, 40), compensation::least_squares);
    if (HasFatalFailure()) return;
  }
}

TEST(resident_prediction, refuses_other_moments_and_rows_that_are_not_there) {
  const std::vector<std::uint8_t> kept = {1, 0, 1};
  for (const named_context& backend : all_backends()) {
    const moments_state good = state_of(backend.ctx, moments_of(mixed_samples(1, 3, 3, 20)));
    const moments_state wide = state_of(backend.ctx, moments_of(mixed_samples(1, 4, 4, 20)));
    const auto prediction = predicted(backend.ctx, good, kept, compensation::least_squares);
    SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { prediction->explained_sync(wide); }),
                     "moments of 4 channels for a prediction of 3");
    for (const std::int64_t row : {-1, 1})
      SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { prediction->row_sync(row); }),
                       text("row ", row, " of a prediction of 1 channels"));
    if (backend.ctx.backend->space() == memory_space::host) continue;
    const moments_state on_host = copied_sync(reference_context(), good);
    SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { prediction->explained_sync(on_host); }), "moments in host memory");
  }
}

TEST(resident_prediction, all_or_none_is_kept_or_nothing_varies) {
  const moments site = moments_of(mixed_samples(2, 5, 5, 20));
  moments still = site;
  still.covariance.assign(still.covariance.size(), 0.0);
  for (const named_context& backend : all_backends())
    for (const moments& of : {site, still})
      for (const std::vector<std::uint8_t>& kept : {std::vector<std::uint8_t>(5, 1), {0, 0, 0, 0, 0}, {1, 0, 0, 1, 1}}) {
        expect_the_host_s(backend, of, kept, compensation::least_squares, {3, 4}, "");
        if (HasFatalFailure()) return;
      }
}

// Duplicates and dead channels, without regularisation: the factor must be tried again, and what is folded stays finite. Variances from
// denormal to huge.
TEST(resident_prediction, a_singular_covariance_is_never_nan) {
  for (const named_context& backend : all_backends())
    for (const double unit : {1e-155, 1.0, 1e150})
      for (const double lambda : {0.0, 1e-300, 1e-3}) {
        samples data = mixed_samples(4, 12, 3, 30);
        for (double& value : data.value) value *= unit;
        for (std::int64_t s = 0; s < data.count; ++s) data.at(s, 6) = 0;
        std::vector<double> weight(24, 1.0);
        const auto prediction =
            predicted(backend.ctx, state_of(backend.ctx, moments_of(data)), kept_at_random(1, 12), compensation::least_squares, lambda);
        const std::vector<double> bias = prediction->fold_sync(weight, 2, 1);
        for (const std::vector<double>& values : {weight, bias})
          for (const double value : values) ASSERT_TRUE(std::isfinite(value)) << backend.name << ", unit " << unit << ", lambda " << lambda;
      }
}

// Several sites are one with all their pixels, whichever backend has them.
TEST(resident_prediction, sites_are_pooled) {
  const samples all = mixed_samples(7, 6, 6, 50);
  const auto part = [&](std::int64_t first, std::int64_t count) {
    return samples{6, count, {all.value.begin() + 6 * first, all.value.begin() + 6 * (first + count)}};
  };
  const std::vector<std::uint8_t> kept = {1, 0, 1, 1, 0, 1};
  const std::vector<double> weight = normal_weight(5, 3 * 6 * 4);
  std::vector<double> expected = weight;
  fold_prediction(predict_removed(moments_of(all), kept, compensation::least_squares), expected, 3, 6, 4);
  for (const named_context& backend : all_backends())
    for (const context& lies : {backend.ctx, reference_context()}) {
      const moments_state first = state_of(lies, moments_of(part(0, 20))), second = state_of(lies, moments_of(part(20, 30)));
      const moments_state* const both[] = {&first, &second};
      std::vector<double> got = weight;
      predict_resident_sync(backend.ctx, both, kept, compensation::least_squares)->fold_sync(got, 3, 4);
      for (std::size_t i = 0; i < got.size(); ++i)
        ASSERT_NEAR(got[i], expected[i], rounding * (1 + std::fabs(expected[i]))) << backend.name;
    }
}

TEST(resident_prediction, outlives_its_context_and_its_moments) {
  const moments site = moments_of(mixed_samples(5, 6, 6, 30));
  const std::vector<std::uint8_t> kept = {1, 0, 1, 1, 0, 1};
  for (const named_context& backend : all_backends()) {
    std::vector<double> expected(12, 1.0), got(12, 1.0);
    const auto prediction = predicted(backend.ctx, state_of(backend.ctx, site), kept, compensation::least_squares);
    fold_prediction(predict_removed(site, kept, compensation::least_squares), expected, 2, 6, 1);
    prediction->fold_sync(got, 2, 1);
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], rounding) << backend.name;
  }
}

// A state that was read from a file is on the host, whoever computes.
TEST(resident_prediction, moments_may_lie_elsewhere) {
  const moments site = moments_of(mixed_samples(5, 6, 6, 30));
  const std::vector<std::uint8_t> kept = {1, 0, 1, 1, 0, 1};
  for (const named_context& backend : all_backends()) {
    std::vector<double> here(12, 1.0), there(12, 1.0);
    predicted(backend.ctx, state_of(backend.ctx, site), kept, compensation::least_squares)->fold_sync(here, 2, 1);
    predicted(backend.ctx, state_of(reference_context(), site), kept, compensation::least_squares)->fold_sync(there, 2, 1);
    EXPECT_EQ(here, there) << backend.name;
  }
}

TEST(resident_prediction, bad_input_is_named) {
  const std::vector<std::uint8_t> kept = {1, 0, 1};
  for (const named_context& backend : all_backends()) {
    const moments_state good = state_of(backend.ctx, moments_of(mixed_samples(1, 3, 3, 20)));
    const auto refusal = [&](const moments_state& site, const std::vector<std::uint8_t>& flags, double lambda) {
      return error_text<invalid_argument>([&] { predicted(backend.ctx, site, flags, compensation::least_squares, lambda); });
    };
    SIRFP_EXPECT_HAS(refusal({}, kept, 1e-3), "moments state without images");
    SIRFP_EXPECT_HAS(refusal(good, {1, 0}, 1e-3), "kept positions: 2 given, expected one for each of 3 channels");
    SIRFP_EXPECT_HAS(refusal(good, kept, -1), "lambda: -1, expected a finite number, not negative");
    EXPECT_THROW(predict_resident_sync(backend.ctx, {}, kept, compensation::least_squares), invalid_argument);
    moments odd = moments_of(mixed_samples(1, 3, 3, 20));
    odd.mean[1] = std::numeric_limits<double>::quiet_NaN();
    SIRFP_EXPECT_HAS(refusal(state_of(backend.ctx, odd), kept, 1e-3), "mean of channel 1 is nan, expected a finite number");
    odd.mean[1] = 0;
    odd.covariance[2] = -1;
    SIRFP_EXPECT_HAS(refusal(state_of(backend.ctx, odd), kept, 1e-3),
                     "covariance of channels 1 and 1 is -1, expected a finite number, not negative");
    std::vector<double> weight(7);
    const auto prediction = predicted(backend.ctx, good, kept, compensation::least_squares);
    SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { prediction->fold_sync(weight, 2, 1); }),
                     "weight: 7 numbers, expected 2 outputs x 3 inputs x 1 taps");
  }
}

}  // namespace
}  // namespace sirfp::test
