#include "sirfp/dtype.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

namespace sirfp {
namespace {

bool is_nan(std::uint16_t bits, unsigned exponent_mask, unsigned fraction_mask) {
  return (bits & exponent_mask) == exponent_mask && (bits & fraction_mask) != 0;
}

// From the definition of the format, in double.
double f16_value(unsigned bits) {
  const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
  const int exponent = static_cast<int>((bits >> 10) & 31U);
  const double fraction = bits & 0x3ffU;
  if (exponent == 31) return sign * std::numeric_limits<double>::infinity();
  return exponent == 0 ? sign * std::ldexp(fraction, -24) : sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(dtype, every_half_widens_exactly_and_comes_back) {
  for (unsigned bits = 0; bits < 0x10000U; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float wide = f16_to_float(half);
    if (is_nan(half, 0x7c00, 0x3ff)) {
      EXPECT_TRUE(std::isnan(wide)) << bits;
      EXPECT_TRUE(is_nan(float_to_f16(wide), 0x7c00, 0x3ff)) << bits;
      continue;
    }
    ASSERT_EQ(static_cast<double>(wide), f16_value(bits)) << bits;
    ASSERT_EQ(std::signbit(wide), (bits & 0x8000U) != 0) << bits;
    ASSERT_EQ(float_to_f16(wide), half);
  }
}

TEST(dtype, every_bfloat_widens_exactly_and_comes_back) {
  for (unsigned bits = 0; bits < 0x10000U; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float wide = bf16_to_float(half);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(wide), bits << 16);
    if (std::isnan(wide))
      EXPECT_TRUE(is_nan(float_to_bf16(wide), 0x7f80, 0x7f)) << bits;
    else
      ASSERT_EQ(float_to_bf16(wide), half);
  }
}

// Halfway between neighbours goes to the even one, and everything else to the nearer.
TEST(dtype, narrowing_rounds_to_nearest_even) {
  for (unsigned bits = 0; bits < 0x7bffU; ++bits) {
    const double low = f16_value(bits);
    const double high = bits == 0x7bfeU ? 65504.0 : f16_value(bits + 1);
    const auto middle = static_cast<float>((low + high) / 2);
    const auto even = static_cast<std::uint16_t>(bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(float_to_f16(middle), even) << bits;
    ASSERT_EQ(float_to_f16(std::nextafterf(middle, 0.0F)), bits) << bits;
    ASSERT_EQ(float_to_f16(-std::nextafterf(middle, 1e30F)), (bits + 1) | 0x8000U) << bits;
  }
  EXPECT_EQ(float_to_f16(65519.99F), 0x7bff);
  EXPECT_EQ(float_to_f16(65520.0F), 0x7c00);
  EXPECT_EQ(float_to_f16(-std::numeric_limits<float>::infinity()), 0xfc00);
  for (unsigned bits = 0; bits < 0x7f80U; ++bits) {
    const float middle = std::bit_cast<float>(bits << 16 | 0x8000U);
    ASSERT_EQ(float_to_bf16(middle), bits % 2 == 0 ? bits : bits + 1) << bits;
    ASSERT_EQ(float_to_bf16(std::bit_cast<float>(bits << 16 | 0x7fffU)), bits) << bits;
    ASSERT_EQ(float_to_bf16(std::bit_cast<float>(bits << 16 | 0x8001U)), bits + 1) << bits;
  }
}

TEST(dtype, names_and_sizes) {
  EXPECT_EQ(name_of(dtype::f32), "f32");
  EXPECT_EQ(name_of(dtype::f16), "f16");
  EXPECT_EQ(name_of(dtype::bf16), "bf16");
  EXPECT_EQ(size_of(dtype::f32), 4U);
  EXPECT_EQ(size_of(dtype::f16), 2U);
  EXPECT_EQ(size_of(dtype::bf16), 2U);
}

}  // namespace
}  // namespace sirfp
