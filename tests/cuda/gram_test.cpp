// The Gram kernels of the cuda backend where the shared case table does not reach: aligned maps, every tail of every tiling, promotion to
// fp64, values that change their size on the way, 16-bit values at the ends of their range.
#include "gram.hpp"

#include <gtest/gtest.h>

#include "gram_plan.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/packed.hpp"
#include "sirfp/similarity.hpp"
#include "support/error_text.hpp"
#include "support/feature_cases.hpp"
#include "support/long_run.hpp"
#include "support/packed_error.hpp"
#include "support/placed_features.hpp"

namespace sirfp::test {
namespace {

constexpr double single_epsilon = std::numeric_limits<float>::epsilon();

feature_case aligned(feature_case c) {
  c.order = layout::aligned;
  return c;
}

context device_context(const cuda_options& options = {}) { return cuda_context(0, nullptr, make_thread_pool(1), options); }

std::vector<double> similarity_on(const context& ctx, const feature_view& view, const pixel_weights& weights = {}) {
  similarity_state state;
  accumulate_similarity(ctx, view, weights, {}, state);
  return mean_redundancy_sync(state);
}

std::vector<double> covariance_on(const context& ctx, const feature_view& view, const pixel_weights& weights = {}) {
  moments_state state;
  accumulate_moments(ctx, view, weights, state);
  return moments_sync(state).covariance;
}

// Errors of what the kernels make of a map, aligned or not, with and without its weights. Short sums: a few roundings are allowed.
void expect_right(const feature_case& c, gram_recipe recipe) {
  const feature_data data(c);
  const context ctx = device_context();
  const placed_features placed(ctx, data);
  const placed_features on_boundaries(ctx, feature_data(aligned(c)));
  EXPECT_EQ(plan_device_gram(request_of(on_boundaries.view(), placed.weights(), false), {80, 3}).recipe, recipe);
  const std::int64_t n = c.shape.channels;
  const std::vector<double> similarity = similarity_on(reference_context(), data.map.view(), data.weights());
  const std::vector<double> covariance = covariance_on(reference_context(), data.map.view(), data.weights());
  for (const feature_view& view : {on_boundaries.view(), placed.view()}) {
    EXPECT_LE(error_of(similarity_on(ctx, view, placed.weights()), similarity, n).worst, 6 * single_epsilon) << c;
    EXPECT_LE(error_of(covariance_on(ctx, view, placed.weights()), covariance, n, 1e-60).worst, 6 * single_epsilon) << c;
  }
}

TEST(gram, tails_of_channels) {
  for (const std::int64_t c : {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129}) {
    expect_right({{1, c, 5, 7}, dtype::f16}, gram_recipe::copied);
    if (c > 33 || c % 8 == 0) expect_right({{1, c, 5, 7}, dtype::f32, layout::nchw, weighting::random}, gram_recipe::split);
  }
  if (!long_run()) return;
  for (const std::int64_t c : {191, 192, 193, 255, 256, 257, 511, 513}) {
    expect_right({{2, c, 5, 27}, dtype::bf16}, gram_recipe::copied);
    expect_right({{2, c, 5, 27}, dtype::f32, layout::nchw, weighting::random}, gram_recipe::split);
  }
}

TEST(gram, tails_of_pixels) {
  for (const std::int64_t p : {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 192, 193, 257}) {
    expect_right({{2, 9, 1, p}, dtype::bf16}, gram_recipe::copied);
    expect_right({{2, 5, 1, p}, dtype::f32, layout::nchw, weighting::shared}, gram_recipe::split);
  }
}

TEST(gram, tails_of_ranges) {
  for (const std::int64_t p : {1023, 1025, 2047, 2048, 2049, 3137}) {
    expect_right({{1, 5, 1, p}, dtype::f16}, gram_recipe::copied);
    expect_right({{1, 5, 1, p}, dtype::f32}, gram_recipe::split);
  }
  expect_right({{1, 66, 1, 2113}, dtype::f16}, gram_recipe::copied);
}

// One range of more pixels than the fp32 accumulators may keep; the plan makes such ranges for half a million pixels.
TEST(gram, promotion_to_doubles) {
  for (const dtype type : {dtype::f16, dtype::f32})
    for (const std::int64_t p : {4095, 4096, 4097, 4159, 8193}) {
      const feature_data data(feature_case{{1, 3, 1, p}, type, layout::aligned});
      const context ctx = device_context();
      const placed_features placed(ctx, data);
      const device_gram_plan plan = plan_device_gram(request_of(placed.view(), {}, false), {80, 3, 2048, 163 << 10, 164 << 10}, p);
      ASSERT_EQ(plan.ranges, 1);
      const buffer matrix(ctx.memory, packed_size(3));
      const buffer notes(ctx.memory, device_notes::words);
      form_gram(placed.view(), {}, {const_cast<double*>(matrix.data()), nullptr, const_cast<double*>(notes.data()), 0, 1e-5}, plan,
                nullptr);
      EXPECT_LE(error_of(matrix.to_host_sync(), similarity_on(reference_context(), data.map.view()), 3).worst, 4 * single_epsilon) << p;
    }
}

// Channels whose size changes by many powers of two on the way, that begin with zeros, or live far apart.
TEST(gram, values_of_any_size) {
  const auto jumps = [](auto n, auto c, auto p) {
    const double noise = std::sin(static_cast<double>(37 * c + 11 * p + n));
    if (c == 0) return noise * (p < 100 ? 1.0 : 1e6);
    if (c == 1) return p < 150 ? 0.0 : 1e-6 * noise;
    if (c == 2) return p < 40 ? 1e12 * noise : noise;
    if (c == 3) return p == 199 ? 3e18 : 0.0;
    if (c == 4) return 1e-30 * noise;
    if (c == 5) return p % 97 == 96 ? noise : 0.0;
    return noise * std::pow(10.0, static_cast<double>(p / 20) - 6);
  };
  const feature_map map({2, 9, 1, 200}, dtype::f32, layout::aligned, jumps);
  const context ctx = device_context();
  const placed_features placed(ctx, map);
  EXPECT_LE(error_of(covariance_on(ctx, placed.view()), covariance_on(reference_context(), map.view()), 9).worst, 6 * single_epsilon);
  const std::vector<double> exact = similarity_on(reference_context(), map.view());
  EXPECT_LE(error_of(similarity_on(ctx, placed.view()), exact, 9).worst, 6 * single_epsilon);
}

// The largest values of each 16-bit type; those of bf16 leave fp32 when they are squared, and their image is done again.
TEST(gram, the_largest_16_bit_values) {
  for (const dtype type : {dtype::f16, dtype::bf16})
    for (const layout order : {layout::aligned, layout::nchw, layout::nhwc}) {
      const double largest = type == dtype::f16 ? 65504 : 3e38;
      const feature_map map({3, 70, 5, 8}, type, order,
                            [=](auto n, auto c, auto p) { return (n == 1 ? largest : 1.0) * std::cos(static_cast<double>(3 * c + p)); });
      const context ctx = device_context();
      const std::vector<double> exact = similarity_on(reference_context(), map.view());
      EXPECT_LE(error_of(similarity_on(ctx, placed_features(ctx, map).view()), exact, 70).worst, 4 * single_epsilon);
    }
}

TEST(gram, non_finite_values_are_named_in_aligned_maps) {
  for (const dtype type : {dtype::f16, dtype::bf16, dtype::f32})
    for (const std::int64_t channels : {20, 140})
      for (const double bad : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
        feature_data data(feature_case{{3, channels, 9, 31}, type, layout::aligned});
        data.map.set(1, channels - 2, 278, bad);
        data.map.set(1, channels - 1, 0, bad);
        data.map.set(2, 0, 0, bad);
        const context ctx = device_context();
        try {
          similarity_on(ctx, placed_features(ctx, data).view());
          FAIL() << name_of(type) << " took " << bad;
        } catch (const non_finite_error& error) {
          EXPECT_EQ(error.image_in_batch, 1);
          EXPECT_EQ(error.channel, channels - 2);
        }
      }
}

// Finite values that leave fp32 once they are centred, weighted by a root, or summed: an error, not an infinity in the state. Strict
// precision takes them.
TEST(gram, values_that_leave_fp32_are_named) {
  const auto map_of = [](double least, double largest) {  // pixel 1 is no sample
    return feature_map({2, 5, 1, 200}, dtype::f32, layout::aligned,
                       [=](auto n, auto c, auto p) { return n == 1 && c == 3 ? (p == 1 ? least : largest) : 1.0; });
  };
  const context ctx = device_context();
  const context strict = device_context({.precision = gram_precision::strict});
  const feature_map centred = map_of(-3e38, 3e38);
  SIRFP_EXPECT_HAS(error_text<failure>([&] { covariance_on(ctx, placed_features(ctx, centred).view()); }),
                   "features of image 1, channel 3");
  const std::vector<double> exact = covariance_on(reference_context(), centred.view());
  EXPECT_LE(error_of(covariance_on(strict, placed_features(ctx, centred).view()), exact, 5, 1e-60).worst, 1e-12);
  for (const auto& [largest, weight] : {std::pair{3e38, 2.0F}, {1e34, 1e8F}}) {  // the root's product, the sum
    const placed_features weighted(ctx, map_of(largest, largest), std::vector<float>(200, weight), 0);
    SIRFP_EXPECT_HAS(error_text<failure>([&] { similarity_on(ctx, weighted.view(), weighted.weights()); }), "leaves the range of fp32");
    similarity_on(ctx, weighted.view());
    similarity_on(strict, weighted.view(), weighted.weights());
  }
}

TEST(gram, strict_is_the_reference) {
  const feature_data data(feature_case{{2, 40, 9, 11}, dtype::f32, layout::padded_rows, weighting::random, 50});
  const context ctx = device_context({.precision = gram_precision::strict});
  const placed_features placed(ctx, data);
  EXPECT_LE(
      error_of(similarity_on(ctx, placed.view(), placed.weights()), similarity_on(reference_context(), data.map.view(), data.weights()), 40)
          .worst,
      1e-13);
  EXPECT_LE(
      error_of(covariance_on(ctx, placed.view(), placed.weights()), covariance_on(reference_context(), data.map.view(), data.weights()), 40)
          .worst,
      1e-11);
}

// Large batches go in groups of images: as many launches, the same bits.
TEST(gram, groups_of_images_change_no_bit) {
  const feature_data data(feature_case{{5, 12, 8, 9}, dtype::f32, layout::nchw, weighting::random, 7});
  const context ctx = device_context();
  const placed_features placed(ctx, data);
  std::vector<std::vector<double>> results;
  for (const std::int64_t group : {5, 2, 1}) {
    device_gram_plan plan = plan_device_gram(request_of(placed.view(), placed.weights(), true), {80, 3, 2048, 163 << 10, 164 << 10});
    plan.images_at_once = group;
    const buffer matrix(ctx.memory, packed_size(12));
    const buffer mean(ctx.memory, 12);
    const buffer notes(ctx.memory, device_notes::words);
    form_gram(placed.view(), placed.weights(),
              {const_cast<double*>(matrix.data()), const_cast<double*>(mean.data()), const_cast<double*>(notes.data())}, plan, nullptr);
    results.push_back(matrix.to_host_sync());
    const std::vector<double> means = mean.to_host_sync();
    results.back().insert(results.back().end(), means.begin(), means.end());
    results.back().push_back(notes.to_host_sync()[device_notes::weight]);
  }
  EXPECT_EQ(results[1], results[0]);
  EXPECT_EQ(results[2], results[0]);
}

}  // namespace
}  // namespace sirfp::test
