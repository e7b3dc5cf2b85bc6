#include "simd_level.hpp"

#include "simd.hpp"

#if SIRFP_X86
#include <cpuid.h>
#endif

namespace sirfp {
#if SIRFP_X86
namespace {

bool has_f16c() noexcept {  // Clang 14 does not know the name in __builtin_cpu_supports
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

}  // namespace
#endif

simd_level best_simd_level() noexcept {
#if SIRFP_X86
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq");
  if (avx2 && avx512) return simd_level::avx512;
  if (avx2) return simd_level::avx2;
#endif
  return simd_level::baseline;
}

}  // namespace sirfp
