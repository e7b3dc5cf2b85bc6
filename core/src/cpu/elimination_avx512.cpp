// Eight int64 lanes; AVX-512DQ converts and rounds to int64 in one instruction.
#ifdef __x86_64__
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // g++ 12 warns inside its own _mm512_undefined_*
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC target("avx2,avx512f,avx512dq")
#include "elimination_loops.hpp"
#include "elimination_mirror.hpp"

namespace sirfp {
namespace {

struct eight_lanes : avx_mirror {
  static constexpr std::int64_t width = 8;

  static __m512i zero() { return _mm512_setzero_si512(); }
  static __m512i load_all(std::int64_t value) { return _mm512_set1_epi64(value); }
  static __m512d spread(double value) { return _mm512_set1_pd(value); }
  static __m512i load(const std::int64_t* from) { return _mm512_loadu_si512(from); }
  static void store(std::int64_t* to, __m512i value) { _mm512_storeu_si512(to, value); }
  static __m512d magnitude(const float* from) { return magnitude(_mm512_cvtps_pd(_mm256_loadu_ps(from))); }
  static __m512d magnitude(const double* from) { return magnitude(_mm512_loadu_pd(from)); }
  static __m512d magnitude(__m512d value) { return _mm512_andnot_pd(_mm512_set1_pd(-0.0), value); }
  static __m512i bits(__m512d value) { return _mm512_castpd_si512(value); }
  static __m512i fixed(__m512d magnitude, __m512d scale) {
    return _mm512_cvt_roundpd_epi64(_mm512_mul_pd(magnitude, scale), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static __m512i add(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }
  static __m512i subtract(__m512i a, __m512i b) { return _mm512_sub_epi64(a, b); }
  static __m512i shift_left(__m512i value) { return _mm512_slli_epi64(value, elimination_index_bits); }
  static __m512i larger(__m512i a, __m512i b) { return _mm512_max_epi64(a, b); }
  static std::int64_t sum(__m512i value) { return _mm512_reduce_add_epi64(value); }
  static std::int64_t largest(__m512i value) { return _mm512_reduce_max_epi64(value); }
};

}  // namespace

namespace avx512 {
constinit const elimination_kernels<float> elimination_f32 = {"avx512", scan<eight_lanes, float>, subtract<eight_lanes, float>};
constinit const elimination_kernels<double> elimination_f64 = {"avx512", scan<eight_lanes, double>, subtract<eight_lanes, double>};
}  // namespace avx512
}  // namespace sirfp
#endif
