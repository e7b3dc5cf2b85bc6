// Four int64 lanes.
#ifdef __x86_64__
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#pragma GCC target("avx2")
#include "elimination_loops.hpp"
#include "elimination_mirror.hpp"

namespace sirfp {
namespace {

struct four_lanes : avx_mirror {
  static constexpr std::int64_t width = 4;

  static __m256i zero() { return _mm256_setzero_si256(); }
  static __m256i load_all(std::int64_t value) { return _mm256_set1_epi64x(value); }
  static __m256d spread(double value) { return _mm256_set1_pd(value); }
  static __m256i load(const std::int64_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static void store(std::int64_t* to, __m256i value) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value); }
  static __m256d magnitude(const float* from) { return magnitude(_mm256_cvtps_pd(_mm_loadu_ps(from))); }
  static __m256d magnitude(const double* from) { return magnitude(_mm256_loadu_pd(from)); }
  static __m256d magnitude(__m256d value) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), value); }
  static __m256i bits(__m256d value) { return _mm256_castpd_si256(value); }
  static __m256i fixed(__m256d magnitude, __m256d scale) {
    const __m256d magic = _mm256_set1_pd(0x1p52);  // as in the scalar `fixed`; magic's bits are clear below 2^52, so xor subtracts them
    return _mm256_xor_si256(bits(_mm256_add_pd(_mm256_mul_pd(magnitude, scale), magic)), bits(magic));
  }
  static __m256i add(__m256i a, __m256i b) { return _mm256_add_epi64(a, b); }
  static __m256i subtract(__m256i a, __m256i b) { return _mm256_sub_epi64(a, b); }
  static __m256i shift_left(__m256i value) { return _mm256_slli_epi64(value, elimination_index_bits); }
  static __m256i larger(__m256i a, __m256i b) { return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b)); }
  static std::int64_t sum(__m256i value) {
    std::int64_t lane[4];
    store(lane, value);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(lane[0]) + static_cast<std::uint64_t>(lane[1]) +
                                     static_cast<std::uint64_t>(lane[2]) + static_cast<std::uint64_t>(lane[3]));
  }
  static std::int64_t largest(__m256i value) {
    std::int64_t lane[4];
    store(lane, value);
    return larger_of(larger_of(lane[0], lane[1]), larger_of(lane[2], lane[3]));
  }
};

}  // namespace

namespace avx2 {
constinit const elimination_kernels<float> elimination_f32 = {"avx2", scan<four_lanes, float>, subtract<four_lanes, float>};
constinit const elimination_kernels<double> elimination_f64 = {"avx2", scan<four_lanes, double>, subtract<four_lanes, double>};
}  // namespace avx2
}  // namespace sirfp
#endif
