// The cuda backend with its Gram matrices by cuBLAS (here: its model, plain fp32 loops) over the shared case table. Its sums are plain fp32
// sums, so what they may miss is what naive ones miss.
#include "gram_cublas.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gram_tuning.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"
#include "support/backends.hpp"
#include "support/error_text.hpp"
#include "support/packed_error.hpp"
#include "support/placed_features.hpp"
#include "support/plain_sums.hpp"

namespace sirfp::test {
namespace {

constexpr double single_epsilon = std::numeric_limits<float>::epsilon();

context cublas_context() { return cuda_context(0, nullptr, make_thread_pool(1), {.engine = gram_engine::cublas}); }

bool is_quick(const feature_case& c) {
  return !is_too_slow({"", {}, false, true, true}, c.shape.images, c.shape.channels, c.shape.pixels());
}

TEST(gram_cublas, similarity_of_every_case) {
  const context ctx = cublas_context();
  for (const feature_case& c : feature_cases()) {
    if (!is_quick(c)) continue;
    const feature_data data(c);
    const placed_features placed(ctx, data);
    similarity_state state;
    accumulate_similarity(ctx, placed.view(), placed.weights(), {}, state);
    const std::vector<double> exact = redundancy<double>(data);
    const double naive = error_of(redundancy<float>(data), exact, c.shape.channels).worst;
    EXPECT_LE(error_of(mean_redundancy_sync(state), exact, c.shape.channels).worst, 2 * naive + 4 * single_epsilon) << c;
  }
}

// Centred, so that a large mean costs nothing: what is left to miss are sums of the values' spread, as naive ones miss them at mean 0.
TEST(gram_cublas, moments_of_every_case) {
  const context ctx = cublas_context();
  for (const feature_case& c : feature_cases()) {
    if (!is_quick(c)) continue;
    const feature_data data(c);
    const placed_features placed(ctx, data);
    moments_state state;
    accumulate_moments(ctx, placed.view(), placed.weights(), state);
    const moments exact = two_pass<double>(data);
    feature_case centred = c;
    centred.mean = 0;
    const feature_data spread(centred);
    const double floor = std::max(1e-60, std::pow(c.mean * 1e-15, 2));
    const double naive = error_of(two_pass<float>(spread).covariance, two_pass<double>(spread).covariance, c.shape.channels, 1e-60).worst;
    const moments got = moments_sync(state);
    EXPECT_NEAR(got.weight, exact.weight, 1e-12 * exact.weight) << c;
    EXPECT_LE(error_of(got.covariance, exact.covariance, c.shape.channels, floor).worst, 2 * naive + 4 * single_epsilon) << c;
    for (std::size_t k = 0; k < got.mean.size(); ++k) EXPECT_NEAR(got.mean[k], exact.mean[k], 1e-12 * (std::abs(exact.mean[k]) + 10)) << c;
  }
}

// Past one range of pixels, and a batch upon a state.
TEST(gram_cublas, ranges_and_batches) {
  const context ctx = cublas_context();
  const std::int64_t pixels = 2 * gram_tuning::cublas_range_pixels + 1;
  for (const dtype type : {dtype::f32, dtype::bf16}) {
    const feature_data data(feature_case{{2, 5, 1, pixels}, type});
    const placed_features placed(ctx, data);
    similarity_state state;
    moments_state sums;
    for (int turn = 0; turn < 2; ++turn) {
      accumulate_similarity(ctx, placed.view(), {}, {}, state);
      accumulate_moments(ctx, placed.view(), {}, sums);
    }
    const double naive = error_of(redundancy<float>(data), redundancy<double>(data), 5).worst;
    EXPECT_LE(error_of(mean_redundancy_sync(state), redundancy<double>(data), 5).worst, 2 * naive) << name_of(type);
    EXPECT_LE(error_of(moments_sync(sums).covariance, two_pass<double>(data).covariance, 5).worst, 2 * naive) << name_of(type);
    EXPECT_EQ(state.images, 4);
    EXPECT_EQ(moments_sync(sums).weight, static_cast<double>(4 * pixels));
  }
}

TEST(gram_cublas, what_is_bad_is_named) {
  const context ctx = cublas_context();
  feature_data data(feature_case{{3, 6, 9, 31}, dtype::f16});
  data.map.set(1, 4, 100, std::numeric_limits<double>::infinity());
  data.map.set(2, 0, 0, std::nan(""));
  const placed_features placed(ctx, data);
  similarity_state state;
  accumulate_similarity(ctx, placed.view(), {}, {}, state);
  try {
    mean_redundancy_sync(state);
    FAIL() << "took an infinity";
  } catch (const non_finite_error& error) {
    EXPECT_EQ(error.image_in_batch, 1);
    EXPECT_EQ(error.channel, 4);
  }
  std::vector<float> weights(279, 1.0F);
  weights[7] = -1;
  const feature_data sound(feature_case{{3, 6, 9, 31}});
  const placed_features weighted(ctx, sound.map, weights, 0);
  moments_state sums;
  accumulate_moments(ctx, weighted.view(), weighted.weights(), sums);
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { moments_sync(sums); }), "pixel weight at image 0, pixel 7");
}

TEST(gram_cublas, takes_no_strict_precision) {
  SIRFP_EXPECT_HAS(error_text<invalid_argument>(
                       [] { cuda_context(0, nullptr, nullptr, {.precision = gram_precision::strict, .engine = gram_engine::cublas}); }),
                   "expected one of the two");
}

}  // namespace
}  // namespace sirfp::test
