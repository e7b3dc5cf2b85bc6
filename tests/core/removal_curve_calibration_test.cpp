// Predicted curves on the scale of what the network's output was seen to lose (METHOD 6).
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "sirfp/expects.hpp"
#include "sirfp/removal_curve.hpp"
#include "support/error_text.hpp"

namespace sirfp {
namespace {

using curve = std::vector<double>;

removal_curve predicted(std::int32_t group, std::vector<double> costs) {
  removal_curve made{group, 1, std::vector<std::int32_t>(costs.size()), std::move(costs)};
  std::iota(made.order.begin(), made.order.end(), 0);
  return made;
}
// `channels` removals of cost 1.
removal_curve steady(std::int32_t group, std::size_t channels) { return predicted(group, std::vector<double>(channels, 1.0)); }

void expect_near(const curve& found, const curve& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t t = 0; t < found.size(); ++t) EXPECT_NEAR(found[t], expected[t], 1e-12 * (1 + expected[t])) << "after " << t;
}

std::vector<curve> calibrated(const std::vector<removal_curve>& curves, const std::vector<sensitivity_curve>& measured) {
  return calibrate_curves(curves, measured);
}

TEST(calibrate_curves, one_ratio_scales_the_cumulated_costs) {
  const auto errors = calibrated({predicted(0, {1, 2, 0, 4})}, {{0, {{2, 1.5}, {4, 3.5}}}});
  expect_near(errors.at(0), {0, 0.5, 1.5, 1.5, 3.5});
}

TEST(calibrate_curves, the_logarithm_is_interpolated_and_constant_beyond_the_points) {
  const auto errors = calibrated({steady(0, 8)}, {{0, {{2, 2 * 1.0}, {6, 6 * 16.0}}}});
  expect_near(errors.at(0), {0, 1, 2, 3 * 2, 4 * 4, 5 * 8, 6 * 16, 7 * 16, 8 * 16});
}

TEST(calibrate_curves, each_group_has_its_own_points) {
  const auto errors = calibrated({steady(4, 2), steady(1, 3)}, {{1, {{3, 9}}}, {4, {{1, 0.5}}}});
  expect_near(errors.at(0), {0, 0.5, 1});
  expect_near(errors.at(1), {0, 3, 6, 9});
}

TEST(calibrate_curves, a_group_without_points_gets_the_median) {
  const auto errors = calibrated({steady(0, 2), steady(1, 2), steady(2, 2), steady(3, 2), steady(4, 2)},
                                 {{0, {{2, 2 * 7.0}}}, {1, {{2, 2 * 3.0}}}, {2, {{2, 2 * 5.0}}}, {4, {}}});
  expect_near(errors.at(3), {0, 5, 10});
  expect_near(errors.at(4), {0, 5, 10});
}

TEST(calibrate_curves, nothing_measured_leaves_the_prediction) {
  const auto errors = calibrated({predicted(0, {1, 2})}, {});
  expect_near(errors.at(0), {0, 1, 3});
  EXPECT_TRUE(calibrated({}, {}).empty());
}

TEST(calibrate_curves, ratios_are_clipped_around_the_median) {
  const auto errors = calibrated({steady(0, 1), steady(1, 1), steady(2, 1), steady(3, 1), steady(4, 1)},
                                 {{0, {{1, 2}}}, {1, {{1, 2}}}, {2, {{1, 2}}}, {3, {{1, 2e7}}}, {4, {{1, 2e-7}}}});
  EXPECT_NEAR(errors.at(3).at(1), 2e3, 1e-9);
  EXPECT_NEAR(errors.at(4).at(1), 2e-3, 1e-15);
}

// A removal that was seen to lose nothing is as good as the clipping allows, not typical.
TEST(calibrate_curves, an_error_of_zero_is_the_lowest_ratio) {
  const auto errors = calibrated({steady(0, 1), steady(1, 1), steady(2, 2)}, {{0, {{1, 4}}}, {1, {{1, 4}}}, {2, {{1, 0}, {2, 0}}}});
  expect_near(errors.at(2), {0, 4e-3, 8e-3});
  expect_near(calibrated({steady(0, 2)}, {{0, {{1, 0}}}}).at(0), {0, 1e-3, 2e-3});  // no ratio to be typical: 1
}

// Channels that the others predict to the last bit: 0 / 0, or noise over nothing, says nothing.
TEST(calibrate_curves, where_nothing_is_predicted_the_nearest_ratio_holds) {
  const auto errors = calibrated({predicted(0, {0, 1e-12, 1, 1})}, {{0, {{1, 5e-8}, {2, 1e-7}, {3, 3}, {4, 12}}}});
  expect_near(errors.at(0), {0, 0, 3e-12, 3, 12});
}

TEST(calibrate_curves, a_curve_of_zeros_stays_zero) {
  const auto errors = calibrated({predicted(0, {0, 0}), steady(1, 1)}, {{0, {{1, 1e-9}, {2, 1e-9}}}, {1, {{1, 2}}}});
  expect_near(errors.at(0), {0, 0, 0});
}

TEST(calibrate_curves, errors_never_fall_along_a_curve) {
  const auto errors = calibrated({steady(0, 6)}, {{0, {{2, 2 * 8.0}, {4, 4 * 1.0}}}});
  expect_near(errors.at(0), {0, 8, 16, 16, 16, 16, 16});
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> spread(0, 3);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<removal_curve> curves;
    std::vector<sensitivity_curve> measured;
    for (std::int32_t g = 0; g < 4; ++g) {
      curves.push_back(predicted(g, {}));
      for (int t = 0; t < 12; ++t) curves.back().costs.push_back(random() % 3 == 0 ? 0 : spread(random));
      curves.back().order.resize(12);
      measured.push_back({g, {}});
      for (std::int64_t t = 0; t <= 12; ++t)
        if (random() % 3 == 0) measured.back().points.push_back({t, random() % 9 == 0 ? 0 : spread(random)});
    }
    for (const curve& found : calibrated(curves, measured)) {
      ASSERT_EQ(found.size(), 13u);
      ASSERT_EQ(found[0], 0);
      for (std::size_t t = 1; t < found.size(); ++t) ASSERT_TRUE(found[t] >= found[t - 1] && std::isfinite(found[t])) << "trial " << trial;
    }
  }
}

TEST(calibrate_curves, bad_points_are_named) {
  const auto refused = [](sensitivity_point point) {
    return test::error_text<invalid_argument>([&] { calibrated({steady(0, 3)}, {{0, {point}}}); });
  };
  SIRFP_EXPECT_HAS(refused({4, 1}), "sensitivity point with 4 channels removed of 3");
  SIRFP_EXPECT_HAS(refused({-1, 1}), "sensitivity point with -1 channels removed of 3");
  SIRFP_EXPECT_HAS(refused({1, std::nan("")}), "sensitivity point with error nan");
  SIRFP_EXPECT_HAS(refused({1, -0.5}), "sensitivity point with error -0.5");
}

}  // namespace
}  // namespace sirfp
