#include "gram_cublas_plan.hpp"

#include <gtest/gtest.h>

#include "gram_tuning.hpp"
#include "sirfp/expects.hpp"
#include "support/error_text.hpp"

namespace sirfp::test {
namespace {

const void* const somewhere = &somewhere;

TEST(gram_cublas_plan, dense_maps_are_read_where_they_lie) {
  const gram_cublas_plan planes = plan_gram_cublas(feature_view::nchw(somewhere, dtype::f16, 2, 64, 30, 40), false, false);
  EXPECT_FALSE(planes.staged);
  EXPECT_FALSE(planes.adjacent_rows);
  EXPECT_EQ(planes.pitch, 1200);
  EXPECT_EQ(planes.stride, 64 * 1200);
  const gram_cublas_plan tokens = plan_gram_cublas(feature_view::nhwc(somewhere, dtype::f32, 2, 64, 30, 40), false, false);
  EXPECT_FALSE(tokens.staged);
  EXPECT_TRUE(tokens.adjacent_rows);
  EXPECT_EQ(tokens.pitch, 64);
  const gram_cublas_plan column = plan_gram_cublas(feature_view::nhwc(somewhere, dtype::f32, 1, 8, 30, 1), false, false);
  EXPECT_FALSE(column.staged);
  EXPECT_EQ(column.features.width, 30);
  EXPECT_EQ(column.features.height, 1);
}

TEST(gram_cublas_plan, everything_else_is_laid_out_anew) {
  const feature_view dense = feature_view::nchw(somewhere, dtype::f16, 2, 64, 30, 40);
  for (const auto& [weighted, centred] : {std::pair{true, false}, std::pair{false, true}}) {
    const gram_cublas_plan plan = plan_gram_cublas(dense, weighted, centred);
    EXPECT_TRUE(plan.staged);
    EXPECT_EQ(plan.staged_values, 2 * 64 * 1200);
    EXPECT_EQ(plan.pitch, 1200);
  }
  const gram_cublas_plan tokens = plan_gram_cublas(feature_view::nhwc(somewhere, dtype::f16, 2, 64, 30, 40), true, false);
  EXPECT_TRUE(tokens.adjacent_rows);
  EXPECT_EQ(tokens.pitch, 64);
  feature_view padded = dense;
  padded.row_stride = 48;
  padded.channel_stride = 48 * 30;
  EXPECT_TRUE(plan_gram_cublas(padded, false, false).staged);
  EXPECT_EQ(plan_gram_cublas(padded, false, false).features.height, 30);
  feature_view repeated = dense;  // one channel seen as many: a pitch of 0
  repeated.channel_stride = 0;
  EXPECT_TRUE(plan_gram_cublas(repeated, false, false).staged);
}

TEST(gram_cublas_plan, working_memory_is_bounded) {
  for (const std::int64_t images : {1, 7, 1000})
    for (const std::int64_t channels : {1, 3, 64, 2048, 65536})
      for (const std::int64_t pixels : {1, 9409, 524288}) {
        if (images * channels * pixels > std::int64_t{1} << 38) continue;
        const gram_cublas_plan plan = plan_gram_cublas(feature_view::nchw(somewhere, dtype::f32, images, channels, 1, pixels), true, false);
        const std::int64_t one = 4 * channels * (pixels + channels);
        EXPECT_LE(4 * (plan.staged_values + plan.square_values), std::max(one, gram_tuning::workspace_bytes)) << channels << " " << pixels;
        EXPECT_GE(plan.images_at_once, 1);
        EXPECT_LE(plan.images_at_once, images);
        EXPECT_EQ(plan.sums.blocks, images * channels * plan.ranges);
        EXPECT_GE(plan.stage.blocks * plan.stage.threads, plan.staged_values);
        EXPECT_GE(plan.finish.blocks * plan.finish.threads, channels * channels);
      }
}

TEST(gram_cublas_plan, what_no_launch_takes_is_refused) {
  SIRFP_EXPECT_HAS(
      error_text<invalid_argument>([] { plan_gram_cublas(feature_view::nchw(somewhere, dtype::f32, 1, 65537, 1, 1), false, false); }),
      "65537");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>(
                       [] { plan_gram_cublas(feature_view::nchw(somewhere, dtype::f32, 1, 65536, 1 << 12, 1 << 12), true, false); }),
                   "too many for cuBLAS");
}

}  // namespace
}  // namespace sirfp::test
