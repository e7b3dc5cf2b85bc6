// Vectors of 16 floats and their halves and quarters. A kernel is written once, as an always-inline template over the widest vector that a
// target has, and instantiated in functions of each target; vectors never cross a call (hence -Wno-psabi). g++ takes wider ones too, but
// keeps what lives from one turn of a loop to the next in memory, which costs a factor of five.
#pragma once

#include <cstdint>

#include "simd_level.hpp"

#if defined(__x86_64__)
#define SIRFP_X86 1
#define SIRFP_TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#define SIRFP_TARGET_AVX512 __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c")))
#else
#define SIRFP_X86 0
#endif
#define SIRFP_INLINE __attribute__((always_inline)) inline

namespace sirfp {

constexpr std::int64_t lane_count = 16;
using lanes = float __attribute__((vector_size(64)));
using half_lanes = float __attribute__((vector_size(32)));
using quarter_lanes = float __attribute__((vector_size(16)));
using lane_bits = std::int32_t __attribute__((vector_size(64)));
using half_lane_bits = std::int32_t __attribute__((vector_size(32)));
using quarter_lane_bits = std::int32_t __attribute__((vector_size(16)));
using wide_lanes = double __attribute__((vector_size(128)));
using wide_half_lanes = double __attribute__((vector_size(64)));
using wide_quarter_lanes = double __attribute__((vector_size(32)));

// The widest register of each level, and how many of its floats there are.
using avx512_vector = lanes;
using avx2_vector = half_lanes;
using baseline_vector = quarter_lanes;
template <class Vector>
constexpr std::int64_t width_of = sizeof(Vector) / sizeof(float);

template <class Vector>
SIRFP_INLINE Vector load(const float* from) noexcept {
  Vector value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

template <class Vector>
SIRFP_INLINE void store(float* to, const Vector& value) noexcept {
  __builtin_memcpy(to, &value, sizeof value);
}

// to[l] += value[l], widened.
template <class Wide, class Vector>
SIRFP_INLINE void add_converted(double* to, const Vector& value) noexcept {
  Wide sum;
  __builtin_memcpy(&sum, to, sizeof sum);
  sum += __builtin_convertvector(value, Wide);
  __builtin_memcpy(to, &sum, sizeof sum);
}
SIRFP_INLINE void add_widened(double* to, const lanes& value) noexcept { add_converted<wide_lanes>(to, value); }
SIRFP_INLINE void add_widened(double* to, const half_lanes& value) noexcept { add_converted<wide_half_lanes>(to, value); }

SIRFP_INLINE void add_widened(double* to, const quarter_lanes& value) noexcept { add_converted<wide_quarter_lanes>(to, value); }

template <class Bits, class Vector>
SIRFP_INLINE Vector without_sign(const Vector& value) noexcept {
  return (Vector)((Bits)value & 0x7fffffff);
}
SIRFP_INLINE lanes magnitude_of(const lanes& value) noexcept { return without_sign<lane_bits>(value); }
SIRFP_INLINE half_lanes magnitude_of(const half_lanes& value) noexcept { return without_sign<half_lane_bits>(value); }
SIRFP_INLINE quarter_lanes magnitude_of(const quarter_lanes& value) noexcept { return without_sign<quarter_lane_bits>(value); }

}  // namespace sirfp
