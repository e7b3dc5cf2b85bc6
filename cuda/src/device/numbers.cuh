// Arithmetic that must give the same bits everywhere, and the 16-bit element types.
#pragma once

#include <cmath>
#include <cstdint>

#include "qualifiers.cuh"
#ifdef __CUDACC__
#include <cuda_fp16.h>
#else
#include <bit>

#include "sirfp/dtype.hpp"
#endif

namespace sirfp::device {

struct f16 {
  std::uint16_t bits;
};
struct bf16 {
  std::uint16_t bits;
};

#ifdef __CUDACC__
SIRFP_DEVICE float bits_to_float(std::uint32_t bits) { return __uint_as_float(bits); }
SIRFP_DEVICE std::uint32_t float_to_bits(float value) { return __float_as_uint(value); }
SIRFP_DEVICE std::uint64_t double_to_bits(double value) { return static_cast<std::uint64_t>(__double_as_longlong(value)); }
SIRFP_DEVICE double bits_to_double(std::uint64_t bits) { return __longlong_as_double(static_cast<long long>(bits)); }
SIRFP_DEVICE float to_float(f16 value) { return __half2float(__ushort_as_half(value.bits)); }
SIRFP_DEVICE f16 round_to_f16(float value) { return {__half_as_ushort(__float2half_rn(value))}; }  // nearest even
// The lower 32 bits of high:low >> bits; 0 <= bits < 32.
SIRFP_DEVICE std::uint32_t funnel_shift(std::uint32_t low, std::uint32_t high, int bits) {
  return __funnelshift_r(low, high, static_cast<unsigned>(bits));
}
// Rounded by themselves: never contracted into a fused multiply-add.
SIRFP_DEVICE double multiply_rounded(double a, double b) { return __dmul_rn(a, b); }
SIRFP_DEVICE double add_rounded(double a, double b) { return __dadd_rn(a, b); }
#else  // compiled with -ffp-contract=off
inline float bits_to_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline std::uint32_t float_to_bits(float value) { return std::bit_cast<std::uint32_t>(value); }
inline std::uint64_t double_to_bits(double value) { return std::bit_cast<std::uint64_t>(value); }
inline double bits_to_double(std::uint64_t bits) { return std::bit_cast<double>(bits); }
inline float to_float(f16 value) { return f16_to_float(value.bits); }
inline f16 round_to_f16(float value) { return {float_to_f16(value)}; }
inline std::uint32_t funnel_shift(std::uint32_t low, std::uint32_t high, int bits) {
  return static_cast<std::uint32_t>((std::uint64_t{high} << 32 | low) >> bits);
}
inline double multiply_rounded(double a, double b) { return a * b; }
inline double add_rounded(double a, double b) { return a + b; }
#endif

SIRFP_DEVICE float to_float(bf16 value) { return bits_to_float(static_cast<std::uint32_t>(value.bits) << 16); }
SIRFP_DEVICE float to_float(float value) { return value; }
SIRFP_DEVICE bool is_finite(float value) { return (float_to_bits(value) & 0x7f800000U) != 0x7f800000U; }
// To nearest even; finite values only.
SIRFP_DEVICE bf16 round_to_bf16(float value) {
  const std::uint32_t bits = float_to_bits(value);
  return {static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16)};
}
// Two neighbours in one register, the first in the lower half: how mma takes its operands.
template <class Half>
SIRFP_DEVICE std::uint32_t pack_pair(Half first, Half second) {
  return static_cast<std::uint32_t>(first.bits) | static_cast<std::uint32_t>(second.bits) << 16;
}

}  // namespace sirfp::device
