// Maps that are dressed (fp32, weights, moments) and whose channels begin anywhere: the same bits as of the aligned map, whatever stands
// around the values.
#include <gtest/gtest.h>

#include <cmath>

#include "gram_plan.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"
#include "support/map_anywhere.hpp"
#include "support/placed_features.hpp"

namespace sirfp::test {
namespace {

std::vector<double> sums_of(const context& ctx, const feature_view& view, const pixel_weights& weights) {
  similarity_state similarity;
  moments_state moments;
  accumulate_similarity(ctx, view, weights, {}, similarity);
  accumulate_moments(ctx, view, weights, moments);
  std::vector<double> all = mean_redundancy_sync(similarity);
  for (const auto& part : {moments_sync(moments).covariance, moments_sync(moments).mean}) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// The aligned map is right (gram_test.cpp).
void expect_same_bits(const feature_case& c, std::int64_t offset, std::int64_t gap) {
  const feature_data data(c);
  const context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  const placed_features placed(ctx, data);
  const map_anywhere on_boundaries(data.map, 0, (c.shape.pixels() + 7) / 8 * 8 + 8);
  const map_anywhere anywhere(data.map, offset, c.shape.pixels() + gap);
  const auto plan_of = [&](const feature_view& view) {
    return plan_device_gram(request_of(view, placed.weights(), true), {80, 3, 2048, 163 << 10, 164 << 10});
  };
  ASSERT_TRUE(plan_of(on_boundaries.view()).wide_loads && !plan_of(on_boundaries.view()).covering_loads);
  ASSERT_TRUE(!plan_of(anywhere.view()).wide_loads && plan_of(anywhere.view()).covering_loads);
  EXPECT_EQ(sums_of(ctx, anywhere.view(), placed.weights()), sums_of(ctx, on_boundaries.view(), placed.weights()))
      << c << ", offset " << offset << ", gap " << gap;
}

TEST(gram_covered, any_offset) {
  for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16})
    for (const std::int64_t offset : {0, 1, 2, 3, 4, 5, 6, 7}) {
      expect_same_bits({{2, 11, 1, 91}, type, layout::nchw, weighting::random}, offset, 0);  // all offsets among the channels
      expect_same_bits({{1, 3, 1, 70}, type, layout::nchw, weighting::random}, offset, offset % 4 == 0 ? 1 : 2);
    }
}

TEST(gram_covered, any_number_of_pixels) {
  for (const dtype type : {dtype::f32, dtype::f16})
    for (const std::int64_t p : {1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 39, 40, 41, 63, 64, 65, 95, 97, 129})
      expect_same_bits({{1, 9, 1, p}, type, layout::nchw, weighting::shared}, type == dtype::f32 ? 3 : 5, p % 8 == 0 ? 1 : 0);
}

TEST(gram_covered, any_number_of_channels_and_ranges) {
  for (const std::int64_t channels : {1, 31, 63, 64, 65, 128, 130})
    expect_same_bits({{1, channels, 1, 75}, dtype::f32, layout::nchw, weighting::random}, 1, 0);
  for (const std::int64_t p : {2047, 2049, 2113}) expect_same_bits({{1, 5, 1, p}, dtype::bf16, layout::nchw, weighting::random}, 7, 0);
}

// Squares that leave fp32: the image is done again by this kernel, after the one that takes 16 bits as they are.
TEST(gram_covered, images_that_are_done_again) {
  const feature_map map({2, 20, 1, 91}, dtype::bf16, layout::nchw,
                        [](auto n, auto c, auto p) { return (n == 1 ? 3e38 : 1.0) * std::cos(static_cast<double>(3 * c + p)); });
  const context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  const map_anywhere on_boundaries(map, 0, 104), anywhere(map, 3, 91);
  const auto redundancy_of = [&](const feature_view& view) {
    similarity_state state;
    accumulate_similarity(ctx, view, {}, {}, state);
    return mean_redundancy_sync(state);
  };
  EXPECT_EQ(redundancy_of(anywhere.view()), redundancy_of(on_boundaries.view()));
}

}  // namespace
}  // namespace sirfp::test
