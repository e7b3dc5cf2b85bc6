#include "cpu/gram_plan.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace sirfp {
namespace {

TEST(gram_plan, blocks_cover_the_pixels_once) {
  for (const std::int64_t channels : {1, 16, 17, 64, 128, 129, 256, 2048, 20000})
    for (const std::int64_t pixels : {1, 15, 16, 17, 255, 1023, 1024, 1025, 2048, 2700, 10800, 43200, 2097152}) {
      const gram_plan plan = plan_gram(channels, pixels, 4);
      EXPECT_GE(plan.padded_channels(), channels);
      EXPECT_LT(plan.padded_channels(), channels + 16);
      EXPECT_EQ(plan.block_begin(0), 0);
      EXPECT_EQ(plan.block_begin(plan.blocks), pixels);
      for (std::int64_t b = 0; b < plan.blocks; ++b) {
        const std::int64_t count = plan.block_begin(b + 1) - plan.block_begin(b);
        ASSERT_GT(count, 0) << channels << " " << pixels << " block " << b;
        ASSERT_LE(count, plan.block_pixels) << channels << " " << pixels << " block " << b;
        ASSERT_EQ(plan.block_begin(b) % 16, 0);
      }
      if (plan.splits > 0) {
        EXPECT_EQ(plan.blocks % plan.splits, 0);
        EXPECT_EQ(tiles_of(plan).size(), 1U);
        EXPECT_GE(plan.images_at_once, 1);
        EXPECT_LE(plan.images_at_once, 4);
      }
    }
}

TEST(gram_plan, tiles_cover_the_triangle_once) {
  for (const std::int64_t channels : {129, 200, 512, 2048}) {
    const gram_plan plan = plan_gram(channels, 1000, 1);
    std::set<std::pair<std::int64_t, std::int64_t>> seen;
    const auto panels = [&plan](std::int64_t row) { return std::min(plan.tile_panels, plan.panels - row * plan.tile_panels); };
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    std::int64_t work = 0;
    for (const tile_position& at : tiles_of(plan)) {
      EXPECT_GE(at.column, 0);
      EXPECT_LE(at.column, at.row);
      EXPECT_LT(at.row * plan.tile_panels, plan.panels);
      EXPECT_TRUE(seen.emplace(at.row, at.column).second);
      const std::int64_t pairs = at.row == at.column ? panels(at.row) * (panels(at.row) + 1) / 2 : panels(at.row) * panels(at.column);
      EXPECT_LE(pairs, least) << "the largest first";
      least = pairs;
      work += pairs;
    }
    EXPECT_EQ(work, plan.panels * (plan.panels + 1) / 2);
  }
}

TEST(gram_plan, packed_pixels_stay_within_the_caches) {
  for (const std::int64_t channels : {64, 128}) EXPECT_LE(plan_gram(channels, 1 << 20, 1).block_pixels * channels * 4, 512 << 10);
  for (const std::int64_t channels : {256, 512, 2048}) EXPECT_LE(plan_gram(channels, 1 << 20, 1).block_pixels * channels * 4, 8 << 20);
}

}  // namespace
}  // namespace sirfp
