// One table of kernels an instruction set, and the choice among them at run time.
#pragma once

#include "simd.hpp"

// SIRFP_KERNELS_BY_LEVEL(define) expands define(level, target) for each level of this processor family, which is to make a table
// `<level>_kernels`; SIRFP_KERNELS_OF(level) is one of those tables.
#if SIRFP_X86
#define SIRFP_KERNELS_BY_LEVEL(define) \
  define(baseline, );                  \
  define(avx2, SIRFP_TARGET_AVX2);     \
  define(avx512, SIRFP_TARGET_AVX512)
#define SIRFP_KERNELS_OF(level) \
  ((level) == simd_level::avx512 ? avx512_kernels : (level) == simd_level::avx2 ? avx2_kernels : baseline_kernels)
#else
#define SIRFP_KERNELS_BY_LEVEL(define) define(baseline, )
#define SIRFP_KERNELS_OF(level) (static_cast<void>(level), baseline_kernels)
#endif
