#include "simd_level.hpp"

#include "simd.hpp"

namespace sirfp {

simd_level best_simd_level() noexcept {
#if SIRFP_X86
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq");
  if (avx2 && avx512) return simd_level::avx512;
  if (avx2) return simd_level::avx2;
#endif
  return simd_level::baseline;
}

}  // namespace sirfp
