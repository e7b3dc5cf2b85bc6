#include "elimination_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "sirfp/expects.hpp"
#include "support/error_text.hpp"

namespace sirfp::test {
namespace {

constexpr device_facts h200{90, 132, 2048, 227 << 10, 228 << 10, 50 << 20};
constexpr device_facts one_multiprocessor{80, 1, 1024, 99 << 10, 100 << 10, 1 << 20};

TEST(elimination_plan, every_matrix_has_its_place) {
  const std::vector<std::int64_t> channels{0, 1, 3, 4, 5, 31, 32, 33, 256, 257, 0, 2048, 2049, 4096, 8192, 256};
  for (const device_facts& facts : {h200, one_multiprocessor}) {
    const elimination_plan plan = plan_elimination(channels, facts);
    ASSERT_EQ(plan.slots.size(), 14U);
    std::int64_t bytes = 0, rows = 0, tiles = 0;
    std::int64_t before = std::numeric_limits<std::int64_t>::max();
    for (const elimination_slot& slot : plan.slots) {
      EXPECT_EQ(slot.channels, channels[static_cast<std::size_t>(slot.matrix)]);
      EXPECT_LE(slot.channels, before) << "the largest first";
      before = slot.channels;
      EXPECT_GE(slot.stride, slot.channels);
      EXPECT_EQ(slot.stride % 4, 0);
      EXPECT_EQ(slot.wide, slot.channels <= 256);
      EXPECT_EQ(slot.fixed_offset % 16, 0);
      EXPECT_GE(slot.fixed_offset, bytes);
      EXPECT_EQ(slot.first_row, rows);
      EXPECT_EQ(slot.first_tile, tiles);
      bytes = slot.fixed_offset + slot.channels * slot.stride * (slot.wide ? 8 : 4);
      rows += slot.channels;
      const std::int64_t side = (slot.channels + 31) / 32;
      tiles += side * (side + 1) / 2;
    }
    EXPECT_EQ(plan.rows, rows);
    EXPECT_EQ(plan.tiles, tiles);
    EXPECT_GE(plan.fixed_bytes, bytes);
    EXPECT_LT(plan.fixed_bytes, bytes + 16);
  }
}

// In 32 bits the largest entry is 2^40 / C, rounded.
TEST(elimination_plan, narrow_entries_fit) { EXPECT_LT((std::int64_t{1} << 40) / 257 + 1, std::int64_t{1} << 32); }

TEST(elimination_plan, a_block_covers_a_row) {
  for (std::int64_t c = 1; c <= most_elimination_channels; c += c < 300 ? 1 : 37)
    for (const device_facts& facts : {h200, one_multiprocessor}) {
      const elimination_plan plan = plan_elimination(std::vector{c}, facts);
      ASSERT_TRUE(plan.rounds == 1 || plan.rounds == 2 || plan.rounds == 4);
      ASSERT_GE(std::int64_t{plan.rounds} * plan.eliminate.threads * 4, c);
      ASSERT_EQ(plan.eliminate.threads % 32, 0);
      ASSERT_LE(plan.eliminate.threads, 512);
      ASSERT_TRUE(plan.rounds == 1 || std::int64_t{plan.rounds} / 2 * plan.eliminate.threads * 4 < c) << "no round is empty";
      ASSERT_GE(plan.eliminate.blocks, 1);
      ASSERT_LE(plan.scan.shared_bytes, static_cast<std::size_t>(facts.shared_bytes_per_block));
    }
}

TEST(elimination_plan, many_matrices_go_round) {
  const elimination_plan plan = plan_elimination(std::vector<std::int64_t>(5000, 64), h200);
  EXPECT_LE(plan.eliminate.blocks, 5000);
  EXPECT_GE(plan.eliminate.blocks, h200.multiprocessors);
  EXPECT_LE(plan.quantise.blocks, 132 * 8);
  EXPECT_EQ(plan_elimination({}, h200).eliminate.blocks, 0);
}

TEST(elimination_plan, too_much_is_refused) {
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] {
                     plan_elimination(std::vector<std::int64_t>{5, 8193}, h200);
                   }),
                   "redundancy matrix 1: 8193 channels, the cuda backend takes 8192 at most");
}

}  // namespace
}  // namespace sirfp::test
