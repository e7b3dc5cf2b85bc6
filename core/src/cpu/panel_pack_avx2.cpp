// As panel_pack_avx512.cpp with 8 x 8 transposes; what does not fill a vector goes the slow way.
#include "panel_pack.hpp"

#if SIRFP_X86
#include <immintrin.h>

namespace sirfp {
namespace {

constexpr std::int64_t width = 8;

template <dtype Type>
SIRFP_TARGET_AVX2 SIRFP_INLINE __m256 load_eight(const void* data, std::int64_t at) {
  if constexpr (Type == dtype::f32) return _mm256_loadu_ps(static_cast<const float*>(data) + at);
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(static_cast<const std::uint16_t*>(data) + at));
  if constexpr (Type == dtype::f16) return _mm256_cvtph_ps(bits);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

SIRFP_TARGET_AVX2 SIRFP_INLINE void transpose(__m256 (&row)[8]) {
  __m256 pair[8];
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
  }
  __m256 quad[8];
  for (int g = 0; g < 8; g += 4) {
    quad[g] = _mm256_shuffle_ps(pair[g], pair[g + 2], 0x44);
    quad[g + 1] = _mm256_shuffle_ps(pair[g], pair[g + 2], 0xee);
    quad[g + 2] = _mm256_shuffle_ps(pair[g + 1], pair[g + 3], 0x44);
    quad[g + 3] = _mm256_shuffle_ps(pair[g + 1], pair[g + 3], 0xee);
  }
  for (int k = 0; k < 4; ++k) {
    row[k] = _mm256_permute2f128_ps(quad[k], quad[4 + k], 0x20);
    row[4 + k] = _mm256_permute2f128_ps(quad[k], quad[4 + k], 0x31);
  }
}

// 16 channels, a multiple of 8 pixels.
template <dtype Type>
SIRFP_TARGET_AVX2 void pack_transposed(const pixel_run& run, float* packed) {
  for (std::int64_t p = 0; p < run.pixels; p += width)
    for (std::int64_t c = 0; c < lane_count; c += width) {
      __m256 row[8];
      for (std::int64_t k = 0; k < width; ++k) row[k] = load_eight<Type>(run.data, (c + k) * run.channel_stride + p);
      transpose(row);
      for (std::int64_t k = 0; k < width; ++k) _mm256_storeu_ps(packed + (p + k) * lane_count + c, row[k]);
    }
}

template <dtype Type>
SIRFP_TARGET_AVX2 void pack_copied(const pixel_run& run, float* packed) {
  for (std::int64_t p = 0; p < run.pixels; ++p)
    for (std::int64_t c = 0; c < lane_count; c += width)
      _mm256_storeu_ps(packed + p * lane_count + c, load_eight<Type>(run.data, p * run.pixel_stride + c));
}

template <dtype Type>
void pack_typed(const pixel_run& run, float* packed) {
  if (run.channels < lane_count || (run.pixel_stride != 1 && run.channel_stride != 1)) return pack_baseline(run, packed);
  if (run.pixel_stride != 1) return pack_copied<Type>(run, packed);
  pixel_run whole = run;
  whole.pixels = run.pixels / width * width;
  pack_transposed<Type>(whole, packed);
  pixel_run rest = run;
  rest.pixels = run.pixels - whole.pixels;
  rest.data = static_cast<const char*>(run.data) + whole.pixels * static_cast<std::int64_t>(size_of(Type));
  pack_baseline(rest, packed + whole.pixels * lane_count);
}

}  // namespace

void pack_avx2(const pixel_run& run, float* packed) {
  if (run.type == dtype::f32) return pack_typed<dtype::f32>(run, packed);
  if (run.type == dtype::f16) return pack_typed<dtype::f16>(run, packed);
  pack_typed<dtype::bf16>(run, packed);
}

}  // namespace sirfp
#endif
