#include "floor.hpp"

#include <gtest/gtest.h>

namespace sirfp::cli {
namespace {

TEST(floor, gram_reads_the_map_once_and_multiplies_the_triangle) {
  // 3 channels of 10 pixels: 6 pairs, diagonal included, a multiplication and an addition each pixel
  const workload work = gram_workload(3, 10, 4);
  EXPECT_EQ(work.bytes, 120);
  EXPECT_EQ(work.operations, 6 * 2 * 10);
  EXPECT_EQ(gram_workload(3, 10, 2).bytes, 60);
  EXPECT_EQ(gram_workload(8192, std::int64_t{1} << 22, 4).bytes, 4.0 * 8192 * 4194304);  // beyond 32 bits
}

TEST(floor, elimination_reads_every_matrix_once) {
  const std::int64_t widths[] = {2, 3};
  EXPECT_EQ(elimination_workload(widths).bytes, 4 * (4 + 9));
  EXPECT_EQ(elimination_workload(widths).operations, 0);
  EXPECT_EQ(elimination_workload({}).bytes, 0);
}

TEST(floor, the_slower_of_memory_and_products_decides) {
  const machine_rates rates{100, 1000};
  EXPECT_DOUBLE_EQ(floor_seconds({200, 500}, rates), 2);
  EXPECT_TRUE(bound_by_memory({200, 500}, rates));
  EXPECT_DOUBLE_EQ(floor_seconds({200, 5000}, rates), 5);
  EXPECT_FALSE(bound_by_memory({200, 5000}, rates));
}

TEST(timing, minimum_and_median) {
  const timing odd = timing_of({3, 1, 2});
  EXPECT_EQ(odd.minimum, 1);
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.samples, 3);
  EXPECT_EQ(timing_of({4, 1, 2, 10}).median, 3);
  EXPECT_EQ(timing_of({7}).median, 7);
}

}  // namespace
}  // namespace sirfp::cli
