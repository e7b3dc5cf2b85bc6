#include "schur_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "schur_tuning.hpp"
#include "sirfp/expects.hpp"
#include "support/error_text.hpp"

namespace sirfp::test {
namespace {

constexpr device_facts h200{90, 132, 2048, 227 << 10, 228 << 10, 50 << 20};
constexpr device_facts one_multiprocessor{80, 1, 1024, 99 << 10, 100 << 10, 1 << 20};

schur_size size_of(std::span<const schur_extent> sites) {
  schur_size size{sites};
  size.channels = 100;
  size.places = 150;
  size.block_doubles = 777;
  size.solver_doubles = 5;
  return size;
}

TEST(schur_plan, every_array_has_its_own_place) {
  const std::vector<schur_extent> sites{{1, 1, 1}, {64, 63, 32}, {0, 0, 0}, {65, 0, 0}, {2048, 2048, 32, false}, {33, 33, 33}};
  const schur_plan plan = plan_schur(size_of(sites), h200);
  ASSERT_EQ(plan.slots.size(), sites.size());
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces;  // begin, length
  std::int64_t positions = 0;
  for (std::size_t s = 0; s < sites.size(); ++s) {
    const auto& [n, rows, capacity, on_host] = sites[s];
    const schur_slot& slot = plan.slots[s];
    for (const std::int64_t matrix : {slot.precision, slot.metric}) pieces.emplace_back(matrix, rows * rows);
    for (const std::int64_t columns : {slot.root, slot.p, slot.v}) pieces.emplace_back(columns, rows * capacity);
    pieces.emplace_back(slot.floor, rows);
    positions += n;
  }
  pieces.emplace_back(plan.row_totals, positions);
  pieces.emplace_back(plan.matrix, 2048 * 2048);
  for (const std::int64_t given : {plan.covariance, plan.given_metric}) pieces.emplace_back(given, 65 * 65);  // of those on the host
  pieces.insert(pieces.end(),
                {{plan.solver, 5}, {plan.blocks, 777}, {plan.place_costs, 150}, {plan.costs, 100}, {plan.removal_costs, 100}});
  std::erase_if(pieces, [](const auto& piece) { return piece.second == 0; });
  std::ranges::sort(pieces);
  std::int64_t end = 0;
  std::int64_t sum = 0;
  for (const auto& [begin, length] : pieces) {
    EXPECT_GE(begin, end);
    EXPECT_EQ(begin % 32, 0) << "256 bytes";
    end = begin + length;
    sum += length;
  }
  EXPECT_LE(end, plan.doubles);
  EXPECT_LE(plan.doubles, sum + 32 * static_cast<std::int64_t>(pieces.size())) << "the stated bound: what is asked for, and a line each";
}

TEST(schur_plan, the_grid_is_resident_and_no_larger_than_the_work) {
  for (const device_facts& facts : {h200, one_multiprocessor})
    for (std::int64_t n = 1; n <= 4096; n += n < 140 ? 1 : 61) {
      const std::vector<schur_extent> sites{{n, n, std::min<std::int64_t>(n, 32)}};
      const device::launch_shape shape = plan_schur(size_of(sites), facts).elimination;
      ASSERT_TRUE(shape.all_resident);
      ASSERT_GE(shape.blocks, 1);
      ASSERT_LE(shape.blocks, facts.multiprocessors);
      ASSERT_EQ(shape.threads, 256) << "a tile's";
      ASSERT_LE(shape.shared_bytes, static_cast<std::size_t>(facts.shared_bytes_per_block));
      if (n <= 64) {
        ASSERT_LE(shape.blocks, 2) << n;
      }
      if (n >= 1024) {
        ASSERT_EQ(shape.blocks, facts.multiprocessors) << n;
      }
    }
}

TEST(schur_plan, every_group_has_its_word_of_shared_memory) {
  const std::vector<schur_extent> sites{{8, 8, 8}};
  schur_size size = size_of(sites);
  const std::size_t one = plan_schur(size, h200).elimination.shared_bytes;
  size.turns = 1001;
  EXPECT_EQ(plan_schur(size, h200).elimination.shared_bytes, one + 4000);
  size.turns = 100'000;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { plan_schur(size, h200); }),
                   "joint elimination: 100000 groups, more than fit the device's 232448 bytes of shared memory");
}

TEST(schur_plan, too_much_is_refused) {
  const std::vector<schur_extent> wide{{5, 5, 5}, {32769, 1, 1}};
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { plan_schur(size_of(wide), h200); }),
                   "joint elimination, site 1: 32769 positions, the cuda backend takes 32768 at most");
  const std::vector<schur_extent> largest{{32768, 32768, 32768}};
  EXPECT_GT(plan_schur(size_of(largest), h200).doubles, std::int64_t{8} << 30);
  schur_size size = size_of(largest);
  size.block_doubles = std::numeric_limits<std::int64_t>::max();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { plan_schur(size, h200); }),
                   "joint elimination: more than 2^63 bytes of working memory");
}

}  // namespace
}  // namespace sirfp::test
