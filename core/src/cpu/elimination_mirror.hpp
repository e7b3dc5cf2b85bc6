// Is a small block the transpose of another, bit for bit: 8 x 8 floats or 4 x 4 doubles in AVX registers.
// Included after `#pragma GCC target` with at least avx2.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "elimination_loops.hpp"

namespace sirfp {
namespace {

struct avx_mirror {
  using difference = __m256i;
  template <class T>
  static constexpr std::int64_t mirror_block = 32 / static_cast<std::int64_t>(sizeof(T));

  static void note(__m256 a, const float* b, difference& differs) {
    differs = _mm256_or_si256(differs, _mm256_castps_si256(_mm256_xor_ps(a, _mm256_loadu_ps(b))));
  }
  static void note(__m256d a, const double* b, difference& differs) {
    differs = _mm256_or_si256(differs, _mm256_castpd_si256(_mm256_xor_pd(a, _mm256_loadu_pd(b))));
  }
  // Rows i and i + 4 of an 8 x 8 block as one vector of columns 0..3 (or 4..7) each.
  static __m256 half_rows(const float* block, std::int64_t stride, std::int64_t row, std::int64_t column) {
    const __m128 low = _mm_loadu_ps(block + row * stride + column);
    return _mm256_insertf128_ps(_mm256_castps128_ps256(low), _mm_loadu_ps(block + (row + 4) * stride + column), 1);
  }

  static void compare_mirror(const float* upper, const float* lower, std::int64_t stride, difference& differs) {
    for (std::int64_t half = 0; half < 8; half += 4) {
      const __m256 r0 = half_rows(upper, stride, 0, half);
      const __m256 r1 = half_rows(upper, stride, 1, half);
      const __m256 r2 = half_rows(upper, stride, 2, half);
      const __m256 r3 = half_rows(upper, stride, 3, half);
      const __m256 a = _mm256_unpacklo_ps(r0, r1);
      const __m256 b = _mm256_unpackhi_ps(r0, r1);
      const __m256 c = _mm256_unpacklo_ps(r2, r3);
      const __m256 d = _mm256_unpackhi_ps(r2, r3);
      const float* mirror = lower + half * stride;
      note(_mm256_shuffle_ps(a, c, 0x44), mirror, differs);
      note(_mm256_shuffle_ps(a, c, 0xee), mirror + stride, differs);
      note(_mm256_shuffle_ps(b, d, 0x44), mirror + 2 * stride, differs);
      note(_mm256_shuffle_ps(b, d, 0xee), mirror + 3 * stride, differs);
    }
  }
  static void compare_mirror(const double* upper, const double* lower, std::int64_t stride, difference& differs) {
    const __m256d r0 = _mm256_loadu_pd(upper);
    const __m256d r1 = _mm256_loadu_pd(upper + stride);
    const __m256d r2 = _mm256_loadu_pd(upper + 2 * stride);
    const __m256d r3 = _mm256_loadu_pd(upper + 3 * stride);
    const __m256d a = _mm256_unpacklo_pd(r0, r1);
    const __m256d b = _mm256_unpackhi_pd(r0, r1);
    const __m256d c = _mm256_unpacklo_pd(r2, r3);
    const __m256d d = _mm256_unpackhi_pd(r2, r3);
    note(_mm256_permute2f128_pd(a, c, 0x20), lower, differs);
    note(_mm256_permute2f128_pd(b, d, 0x20), lower + stride, differs);
    note(_mm256_permute2f128_pd(a, c, 0x31), lower + 2 * stride, differs);
    note(_mm256_permute2f128_pd(b, d, 0x31), lower + 3 * stride, differs);
  }
  static void compare_one(float a, float b, difference& differs) {
    const auto bits = static_cast<int>(bits_of(a) ^ bits_of(b));
    differs = _mm256_or_si256(differs, _mm256_set1_epi32(bits));
  }
  static void compare_one(double a, double b, difference& differs) {
    const auto bits = static_cast<long long>(bits_of(a) ^ bits_of(b));
    differs = _mm256_or_si256(differs, _mm256_set1_epi64x(bits));
  }
  static bool any(difference differs) { return _mm256_testz_si256(differs, differs) == 0; }
};

}  // namespace
}  // namespace sirfp
