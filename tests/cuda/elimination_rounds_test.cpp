// The elimination's kernels where one round of loads is not enough, and with matrices that are on the device already.
#include <gtest/gtest.h>

#include "device_array.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/elimination.hpp"
#include "support/long_run.hpp"
#include "support/symmetric_matrix.hpp"

namespace sirfp::test {
namespace {

// One round of loads covers 2,048 channels, two 4,096, four 8,192.
TEST(elimination_rounds, wide_matrices_equal_the_reference) {
  const context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  const context cpu = cpu_context(make_thread_pool(1));
  std::vector<std::int64_t> widths{2047, 2049};
  if (long_run()) widths.insert(widths.end(), {4097, 8192});
  for (const std::int64_t channels : widths) {
    const auto matrix = random_symmetric<float>(5, channels, filling::signed_uniform);
    const redundancy_matrix view = matrix.view();
    const elimination expected = eliminate(cpu, {&view, 1}).front();
    const elimination got = eliminate(ctx, {&view, 1}).front();
    EXPECT_EQ(got.order, expected.order) << channels;
    EXPECT_EQ(got.marginals, expected.marginals) << channels;
    EXPECT_EQ(got.curve, expected.curve) << channels;
  }
}

TEST(elimination_rounds, a_matrix_may_be_on_the_device) {
  const context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  const auto matrix = random_symmetric<double>(3, 70, filling::duplicates, 5);
  redundancy_matrix view = matrix.view();
  const elimination expected = eliminate(reference_context(), {&view, 1}).front();
  const device_array<double> copy(std::span<const double>(matrix.values), nullptr);
  view.data = copy.data();
  EXPECT_EQ(eliminate(ctx, {&view, 1}).front().order, expected.order);
}

}  // namespace
}  // namespace sirfp::test
