// The choice of instruction set at run time.
#pragma once

#include <cstdint>

namespace sirfp {

enum class simd_level : std::uint8_t { baseline, avx2, avx512 };

// The best level that this processor (and its operating system) runs.
simd_level best_simd_level() noexcept;

}  // namespace sirfp
