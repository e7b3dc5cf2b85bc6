// Every instruction set that this machine has computes what plain C++ computes.
#include "../../core/src/cpu/elimination_kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "support/symmetric_matrix.hpp"

namespace sirfp {
namespace {

using test::filling;
using test::fillings;
using test::random_symmetric;

template <class T>
void compare_scan() {
  const auto kernels = elimination_kernels_here<T>();
  std::uint64_t seed = 0;
  for (const std::int64_t channels : {1, 3, 4, 7, 8, 9, 31, 63, 64, 65, 72, 127, 130, 200})
    for (int how = 0; how < fillings; ++how) {
      auto matrix = random_symmetric<T>(++seed, channels, static_cast<filling>(how), how % 5);
      for (const bool broken : {false, true}) {
        if (broken) matrix.at(channels - 1, how % channels) += T{1};
        const bool symmetric = !broken || how % channels == channels - 1;
        std::vector<std::int64_t> expected(static_cast<std::size_t>(channels)), got(expected.size());
        const redundancy_scan plain = kernels.back().scan(matrix.values.data(), channels, matrix.stride, 0x1p25, expected.data());
        EXPECT_EQ(plain.symmetric, symmetric) << channels << " channels, filling " << how;
        for (const auto& kernel : kernels) {
          const redundancy_scan found = kernel.scan(matrix.values.data(), channels, matrix.stride, 0x1p25, got.data());
          EXPECT_EQ(found.symmetric, plain.symmetric) << kernel.isa << ", " << channels << " channels, filling " << how;
          EXPECT_EQ(found.largest_bits, plain.largest_bits) << kernel.isa << ", " << channels << " channels, filling " << how;
          EXPECT_EQ(got, expected) << kernel.isa << ", " << channels << " channels, filling " << how;
        }
      }
    }
}

template <class T>
void compare_subtract() {
  const auto kernels = elimination_kernels_here<T>();
  for (std::int64_t channels = 1; channels < 70; ++channels) {
    const auto matrix = random_symmetric<T>(static_cast<std::uint64_t>(channels), channels, filling::signed_uniform);
    std::vector<std::int64_t> start(static_cast<std::size_t>(channels));
    for (std::int64_t i = 0; i < channels; ++i) start[static_cast<std::size_t>(i)] = elimination_key((1 << 28) + i % 3, i);
    if (channels > 1) start[static_cast<std::size_t>(channels / 2)] = removed_key;
    for (const auto& kernel : kernels) {
      auto keys = start;
      const leading_keys leading = kernel.subtract(matrix.values.data(), matrix.values.data(), channels, 0x1p25, keys.data());
      for (std::int64_t i = 0; i < channels; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const std::int64_t value = std::llrint(std::abs(static_cast<double>(matrix.at(0, i))) * 0x1p25);
        EXPECT_EQ(keys[at], start[at] - (value << elimination_index_bits)) << kernel.isa << ", " << channels << " channels, channel " << i;
      }
      EXPECT_EQ(leading.best, *std::ranges::max_element(keys)) << kernel.isa << ", " << channels << " channels";
    }
  }
}

TEST(elimination_kernels, scan_agrees_on_floats) { compare_scan<float>(); }
TEST(elimination_kernels, scan_agrees_on_doubles) { compare_scan<double>(); }
TEST(elimination_kernels, subtract_is_exact_on_floats) { compare_subtract<float>(); }
TEST(elimination_kernels, subtract_is_exact_on_doubles) { compare_subtract<double>(); }

// A tie between fixed-point neighbours: half a unit goes to the even one, in every lane and in the tail.
TEST(elimination_kernels, halves_round_to_even) {
  const std::vector<float> row(19, 2.5f);
  for (const auto& kernel : elimination_kernels_here<float>()) {
    std::vector<std::int64_t> keys(row.size(), elimination_key(100, 0));
    kernel.subtract(row.data(), row.data(), 19, 1.0, keys.data());
    for (const std::int64_t key : keys) EXPECT_EQ(key, elimination_key(98, 0)) << kernel.isa;
  }
}

}  // namespace
}  // namespace sirfp
