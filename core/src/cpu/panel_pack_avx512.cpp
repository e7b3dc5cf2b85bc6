// Computes  packed[p][c] = x_c,p for 16 channels, by 16 x 16 transposes in registers (NCHW) or plain copies (channels-last)
// Traffic   every element read once and written once as fp32
#include "panel_pack.hpp"

#if SIRFP_X86
#include <immintrin.h>

#include <algorithm>

namespace sirfp {
namespace {

// Up to 16 neighbours from element `at`; the others are zero and not read.
template <dtype Type>
SIRFP_TARGET_AVX512 SIRFP_INLINE __m512 load_some(const void* data, std::int64_t at, __mmask16 mask) {
  if constexpr (Type == dtype::f32) return _mm512_maskz_loadu_ps(mask, static_cast<const float*>(data) + at);
  const __m256i bits = _mm256_maskz_loadu_epi16(mask, static_cast<const std::uint16_t*>(data) + at);
  if constexpr (Type == dtype::f16) return _mm512_cvtph_ps(bits);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

SIRFP_TARGET_AVX512 SIRFP_INLINE void transpose(__m512 (&row)[16]) {
  __m512 pair[16];
  for (int i = 0; i < 16; i += 2) {
    pair[i] = _mm512_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm512_unpackhi_ps(row[i], row[i + 1]);
  }
  __m512 quad[16];  // quad[4 g + k]: rows 4 g ... 4 g + 3, columns 4 m + k in 128-bit part m
  for (int g = 0; g < 16; g += 4) {
    const auto low = [](__m512 a, __m512 b)
                         SIRFP_TARGET_AVX512 { return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b))); };
    const auto high = [](__m512 a, __m512 b)
                          SIRFP_TARGET_AVX512 { return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b))); };
    quad[g] = low(pair[g], pair[g + 2]);
    quad[g + 1] = high(pair[g], pair[g + 2]);
    quad[g + 2] = low(pair[g + 1], pair[g + 3]);
    quad[g + 3] = high(pair[g + 1], pair[g + 3]);
  }
  for (int k = 0; k < 4; ++k) {
    const __m512 even_a = _mm512_shuffle_f32x4(quad[k], quad[4 + k], 0x88);  // parts 0, 2 of rows 0-3, then of rows 4-7
    const __m512 odd_a = _mm512_shuffle_f32x4(quad[k], quad[4 + k], 0xdd);
    const __m512 even_b = _mm512_shuffle_f32x4(quad[8 + k], quad[12 + k], 0x88);
    const __m512 odd_b = _mm512_shuffle_f32x4(quad[8 + k], quad[12 + k], 0xdd);
    row[k] = _mm512_shuffle_f32x4(even_a, even_b, 0x88);
    row[4 + k] = _mm512_shuffle_f32x4(odd_a, odd_b, 0x88);
    row[8 + k] = _mm512_shuffle_f32x4(even_a, even_b, 0xdd);
    row[12 + k] = _mm512_shuffle_f32x4(odd_a, odd_b, 0xdd);
  }
}

// Sixteen channels are sixteen streams. Where they lie pages apart the hardware loses them at every run: asking 64 elements ahead packs
// cold maps of C = 64 and 128 (172 and 43 KB a channel) in 0.65 and 0.35 ms instead of 0.79 and 0.42; at C = 256 and 512 (11 KB a channel)
// it costs 0.04 and 0.08 ms. 128 elements ahead is the same, 256 slower.
constexpr std::int64_t ahead = 64;
constexpr std::int64_t far_apart = 32 << 10;  // bytes

template <dtype Type>
SIRFP_TARGET_AVX512 void pack_transposed(const pixel_run& run, float* packed) {
  constexpr auto bytes = static_cast<std::int64_t>(size_of(Type));
  const bool prefetch = run.channel_stride * bytes >= far_apart;
  for (std::int64_t p = 0; p < run.pixels; p += lane_count) {
    if (prefetch)
      for (std::int64_t c = 0; c < run.channels; ++c)
        _mm_prefetch(static_cast<const char*>(run.data) + (c * run.channel_stride + p + ahead) * bytes, _MM_HINT_T0);
    const std::int64_t count = std::min(lane_count, run.pixels - p);
    const auto mask = static_cast<__mmask16>((1U << count) - 1U);
    __m512 row[16];
    for (std::int64_t c = 0; c < lane_count; ++c)
      row[c] = c < run.channels ? load_some<Type>(run.data, c * run.channel_stride + p, mask) : _mm512_setzero_ps();
    transpose(row);
    for (std::int64_t k = 0; k < lane_count; ++k)
      if (k < count) _mm512_storeu_ps(packed + (p + k) * lane_count, row[k]);
  }
}

template <dtype Type>
SIRFP_TARGET_AVX512 void pack_copied(const pixel_run& run, float* packed) {
  const auto mask = static_cast<__mmask16>((1U << run.channels) - 1U);
  for (std::int64_t p = 0; p < run.pixels; ++p)
    _mm512_storeu_ps(packed + p * lane_count, load_some<Type>(run.data, p * run.pixel_stride, mask));
}

template <dtype Type>
void pack_typed(const pixel_run& run, float* packed) {
  if (run.pixel_stride == 1) return pack_transposed<Type>(run, packed);
  if (run.channel_stride == 1) return pack_copied<Type>(run, packed);
  pack_baseline(run, packed);
}

}  // namespace

void pack_avx512(const pixel_run& run, float* packed) {
  if (run.type == dtype::f32) return pack_typed<dtype::f32>(run, packed);
  if (run.type == dtype::f16) return pack_typed<dtype::f16>(run, packed);
  pack_typed<dtype::bf16>(run, packed);
}

}  // namespace sirfp
#endif
