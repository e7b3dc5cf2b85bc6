#include "sirfp/compensation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "support/dense_solve.hpp"
#include "support/samples.hpp"

namespace sirfp {
namespace {

std::vector<std::uint8_t> random_kept(std::uint64_t seed, std::int64_t channels) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> kept(static_cast<std::size_t>(channels));
  for (auto& k : kept) k = static_cast<std::uint8_t>(random() % 3 != 0);
  kept[0] = 1;
  kept.back() = 0;
  return kept;
}

bool all_finite(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
}

TEST(compensation, the_prediction_solves_the_regularised_normal_equations) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto channels = static_cast<std::int64_t>(2 + seed % 13);
    const double lambda = std::vector{1e-3, 1e-2, 1e-5}[seed % 3];
    const moments site = test::moments_of(test::mixed_samples(seed, channels, 1 + channels / 2, 40));
    const site_prediction found = predict_removed(site, random_kept(seed, channels), compensation::least_squares, lambda);
    double mean_diagonal = 0;
    for (std::int64_t i = 0; i < channels; ++i)
      mean_diagonal += site.covariance[static_cast<std::size_t>(packed_index(i, i))] / static_cast<double>(channels);
    const auto covariance = [&](std::int32_t i, std::int32_t j) {
      return static_cast<long double>(site.covariance[static_cast<std::size_t>(packed_index(i, j))]);
    };
    test::dense system, right;
    for (const std::int32_t i : found.kept) {
      system.emplace_back();
      right.emplace_back();
      for (const std::int32_t j : found.kept)
        system.back().push_back(covariance(i, j) + (i == j ? static_cast<long double>(lambda * mean_diagonal) : 0));
      for (const std::int32_t r : found.removed) right.back().push_back(covariance(i, r));
    }
    const test::dense expected = test::dense_solve(system, right);
    for (std::size_t r = 0; r < found.removed.size(); ++r) {
      long double offset = site.mean[static_cast<std::size_t>(found.removed[r])];
      for (std::size_t k = 0; k < found.kept.size(); ++k) {
        EXPECT_NEAR(found.matrix[r * found.kept.size() + k], static_cast<double>(expected[k][r]), 1e-9)
            << "seed " << seed << ", " << r << ", " << k;
        offset -= expected[k][r] * site.mean[static_cast<std::size_t>(found.kept[k])];
      }
      EXPECT_NEAR(found.offset[r], static_cast<double>(offset), 1e-8) << "seed " << seed << ", " << r;
    }
    if (HasFailure()) return;
  }
}

// What a 1x1 convolution makes of the kept channels with folded weights equals what it made of all, sample by sample.
TEST(compensation, a_linearly_dependent_channel_is_reproduced_exactly) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    constexpr std::int64_t channels = 9, outputs = 4, count = 60;
    test::samples data = test::mixed_samples(seed, channels, channels, count);
    for (std::int64_t s = 0; s < count; ++s) {
      data.at(s, 2) = data.at(s, 5);                                // a duplicate
      data.at(s, 4) = 0.5 * data.at(s, 0) - 2 * data.at(s, 7) + 3;  // a combination with a constant
      data.at(s, 8) = -1.25;                                        // a constant
    }
    std::vector<std::uint8_t> kept(channels, 1);
    kept[2] = kept[4] = kept[8] = 0;
    const site_prediction found = predict_removed(test::moments_of(data), kept, compensation::least_squares, 1e-12);
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    std::vector<double> weight(outputs * channels);
    for (double& w : weight) w = normal(random);
    std::vector<double> folded = weight;
    const std::vector<double> bias = fold_prediction(found, folded, outputs, channels, 1);
    for (std::int64_t s = 0; s < count; ++s)
      for (std::int64_t o = 0; o < outputs; ++o) {
        double before = 0;
        double after = bias[static_cast<std::size_t>(o)];
        for (std::int64_t c = 0; c < channels; ++c) {
          before += weight[static_cast<std::size_t>(o * channels + c)] * data.at(s, c);
          if (kept[static_cast<std::size_t>(c)] != 0) after += folded[static_cast<std::size_t>(o * channels + c)] * data.at(s, c);
        }
        ASSERT_NEAR(after, before, 1e-8) << "seed " << seed << ", sample " << s << ", output " << o;
      }
  }
}

TEST(compensation, constant_is_the_mean_and_none_is_nothing) {
  const moments site = test::moments_of(test::mixed_samples(3, 6, 6, 30));
  const std::vector<std::uint8_t> kept = {1, 0, 1, 1, 0, 0};
  const site_prediction constant = predict_removed(site, kept, compensation::constant);
  EXPECT_EQ(constant.kept, (std::vector<std::int32_t>{0, 2, 3}));
  EXPECT_EQ(constant.removed, (std::vector<std::int32_t>{1, 4, 5}));
  EXPECT_EQ(constant.matrix, std::vector<double>(9, 0.0));
  EXPECT_EQ(constant.offset, (std::vector<double>{site.mean[1], site.mean[4], site.mean[5]}));
  const site_prediction none = predict_removed(site, kept, compensation::none);
  EXPECT_EQ(none.matrix, std::vector<double>(9, 0.0));
  EXPECT_EQ(none.offset, std::vector<double>(3, 0.0));
}

TEST(compensation, folding_equals_plain_loops) {
  for (const std::int64_t outputs : {1, 5, 300})
    for (const std::int64_t taps : {1, 9, 2000}) {
      if (outputs * taps > 5000) continue;
      constexpr std::int64_t inputs = 7;
      const site_prediction prediction = predict_removed(test::moments_of(test::mixed_samples(5, inputs, 4, 30)),
                                                         std::vector<std::uint8_t>{1, 0, 0, 1, 1, 0, 1}, compensation::least_squares);
      std::mt19937_64 random(7);
      std::normal_distribution<double> normal;
      std::vector<double> weight(static_cast<std::size_t>(outputs * inputs * taps));
      for (double& w : weight) w = normal(random);
      std::vector<double> folded = weight;
      const std::vector<double> bias = fold_prediction(prediction, folded, outputs, inputs, taps);
      const auto at = [&](std::int64_t o, std::int32_t i, std::int64_t t) { return static_cast<std::size_t>((o * inputs + i) * taps + t); };
      for (std::int64_t o = 0; o < outputs; ++o) {
        double expected_bias = 0;
        for (std::int64_t t = 0; t < taps; ++t) {
          for (std::size_t k = 0; k < prediction.kept.size(); ++k) {
            double expected = weight[at(o, prediction.kept[k], t)];
            for (std::size_t r = 0; r < prediction.removed.size(); ++r)
              expected += weight[at(o, prediction.removed[r], t)] * prediction.matrix[r * prediction.kept.size() + k];
            ASSERT_NEAR(folded[at(o, prediction.kept[k], t)], expected, 1e-12) << outputs << " outputs, " << taps << " taps, output " << o;
          }
          for (std::size_t r = 0; r < prediction.removed.size(); ++r) {
            ASSERT_EQ(folded[at(o, prediction.removed[r], t)], weight[at(o, prediction.removed[r], t)]);
            expected_bias += weight[at(o, prediction.removed[r], t)] * prediction.offset[r];
          }
        }
        ASSERT_NEAR(bias[static_cast<std::size_t>(o)], expected_bias, 1e-10) << outputs << " outputs, " << taps << " taps, output " << o;
      }
    }
}

TEST(compensation, zero_covariance_gives_the_mean) {
  moments site{3, 0, {1, 2, 3}, std::vector<double>(6, 0.0)};
  const site_prediction found = predict_removed(site, std::vector<std::uint8_t>{1, 0, 1}, compensation::least_squares);
  EXPECT_EQ(found.matrix, std::vector<double>(2, 0.0));
  EXPECT_EQ(found.offset, std::vector<double>{2});
}

// One sample (rank 0 or 1), duplicates, dead channels, variances from denormal to huge: finite, and no prediction worse than the mean's.
TEST(compensation, a_singular_covariance_is_never_nan) {
  for (const double unit : {1e-155, 1.0, 1e150})
    for (const double lambda : {0.0, 1e-300, 1e-12, 1e-3})
      for (std::uint64_t seed = 0; seed < 40; ++seed) {
        const auto channels = static_cast<std::int64_t>(2 + seed % 40);
        test::samples data =
            test::mixed_samples(seed, channels, 1 + static_cast<std::int64_t>(seed % 3), 1 + static_cast<std::int64_t>(seed % 9));
        for (double& value : data.value) value *= unit;
        for (std::int64_t s = 0; s < data.count; ++s) data.at(s, channels / 2) = 0;
        const moments site = test::moments_of(data);
        const site_prediction found = predict_removed(site, random_kept(seed, channels), compensation::least_squares, lambda);
        ASSERT_TRUE(all_finite(found.matrix) && all_finite(found.offset)) << "unit " << unit << ", lambda " << lambda << ", seed " << seed;
        for (std::size_t r = 0; r < found.removed.size(); ++r) {
          double error = 0;
          for (std::int64_t s = 0; s < data.count; ++s) {
            double predicted = found.offset[r];
            for (std::size_t k = 0; k < found.kept.size(); ++k)
              predicted += found.matrix[r * found.kept.size() + k] * data.at(s, found.kept[k]);
            error += std::pow((predicted - data.at(s, found.removed[r])) / unit, 2) / static_cast<double>(data.count);
          }
          const double variance = site.covariance[static_cast<std::size_t>(packed_index(found.removed[r], found.removed[r]))] / unit / unit;
          ASSERT_LE(error, variance * (1 + 1e-6) + 1e-12) << "unit " << unit << ", lambda " << lambda << ", seed " << seed;
        }
      }
}

TEST(compensation, keeping_all_or_none) {
  const moments site = test::moments_of(test::mixed_samples(1, 3, 3, 20));
  const site_prediction all = predict_removed(site, std::vector<std::uint8_t>{1, 1, 1}, compensation::least_squares);
  std::vector<double> weight(6, 1.0);
  EXPECT_EQ(fold_prediction(all, weight, 2, 3, 1), (std::vector<double>{0, 0}));
  EXPECT_EQ(weight, std::vector<double>(6, 1.0));
  const site_prediction none = predict_removed(site, std::vector<std::uint8_t>{0, 0, 0}, compensation::least_squares);
  EXPECT_EQ(none.offset, site.mean);
  EXPECT_DOUBLE_EQ(fold_prediction(none, weight, 2, 3, 1)[1], site.mean[0] + site.mean[1] + site.mean[2]);
}

template <class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

TEST(compensation, bad_input_is_named) {
  moments site = test::moments_of(test::mixed_samples(1, 3, 3, 20));
  const std::vector<std::uint8_t> kept = {1, 0, 1};
  EXPECT_EQ(error_of([&] { predict_removed(site, std::vector<std::uint8_t>{1}, compensation::none); }),
            "kept positions: 1 given, expected one for each of 3 channels");
  EXPECT_EQ(error_of([&] { predict_removed(site, kept, compensation::none, -1); }), "lambda: -1, expected a finite number, not negative");
  const site_prediction good = predict_removed(site, kept, compensation::least_squares);
  std::vector<double> weight(7);
  EXPECT_EQ(error_of([&] { fold_prediction(good, weight, 2, 3, 1); }), "weight: 7 numbers, expected 2 outputs x 3 inputs x 1 taps");
  EXPECT_EQ(error_of([&] { fold_prediction(good, std::span(weight).first(4), 1, 4, 1); }),
            "prediction of 3 channels, expected the weight's 4 inputs");
  site.covariance[2] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(error_of([&] { predict_removed(site, kept, compensation::none); }),
            "covariance of channels 1 and 1 is nan, expected a finite number, not negative");
  site.covariance.pop_back();
  EXPECT_EQ(error_of([&] { predict_removed(site, kept, compensation::none); }), "covariance of the site: 5 numbers, expected 6");
}

}  // namespace
}  // namespace sirfp
