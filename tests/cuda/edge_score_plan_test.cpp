#include "edge_score_plan.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "sirfp/expects.hpp"
#include "support/error_text.hpp"

namespace sirfp::test {
namespace {

TEST(edge_score_plan, every_patch_has_a_worker) {
  for (const std::int64_t images : {1, 5})
    for (const std::int64_t channels : {1, 2, 31, 32, 33, 64, 255, 256, 257, 2048})
      for (const std::int64_t height : {1, 15, 16, 17, 193, 1024})
        for (const std::int64_t width : {1, 3, 4, 5, 193, 2048})
          for (const bool channels_last : {false, true}) {
            const edge_score_plan plan =
                plan_edge_score(images, channels, height, width, channels_last ? 1 : height * width, channels_last ? channels : 1);
            ASSERT_EQ(plan.channel_fastest, channels_last && channels > 1);
            ASSERT_EQ(plan.patches_across, (width + 3) / 4);
            ASSERT_EQ(plan.patches, (width + 3) / 4 * ((height + 15) / 16));
            ASSERT_TRUE(std::has_single_bit(static_cast<unsigned>(plan.workers)));
            ASSERT_TRUE(std::has_single_bit(static_cast<unsigned>(plan.channels_abreast)));
            ASSERT_EQ(plan.workers * plan.channels_abreast, plan.partial.threads);
            ASSERT_GE(plan.partial.threads, 32);
            ASSERT_LE(plan.partial.threads, 256);
            ASSERT_GE(plan.channel_groups * plan.channels_abreast, channels);
            ASSERT_LT((plan.channel_groups - 1) * plan.channels_abreast, channels);
            ASSERT_GE(plan.splits * plan.workers * 2, plan.patches) << "two patches a worker";
            ASSERT_LT((plan.splits - 1) * plan.workers, plan.patches) << "no block without work";
            ASSERT_EQ(plan.spreads, images * channels * plan.splits);
            ASSERT_EQ(plan.partial.blocks, images * plan.channel_groups * plan.splits);
            ASSERT_GE(plan.finish.blocks * plan.finish.threads, channels);
          }
}

TEST(edge_score_plan, beyond_a_launch_is_refused) {
  constexpr std::int64_t huge = std::int64_t{1} << 40;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { plan_edge_score(1 << 20, 1 << 20, 1024, 1024, 1 << 20, 1); }), "give fewer images");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { plan_edge_score(1, 1, 1, huge << 22, 1, 1); }), "give fewer images");
  SIRFP_EXPECT_HAS(
      error_text<invalid_argument>([] { plan_edge_score(std::numeric_limits<std::int64_t>::max(), 1 << 20, 1 << 20, 1 << 20, 1, 1); }),
      "give fewer images");
}

}  // namespace
}  // namespace sirfp::test
