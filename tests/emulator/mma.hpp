// mma.sync and ldmatrix by their documented fragment layouts (table in cuda/src/device/mma.cuh).
#pragma once

#include <cstdint>

#include "collective.hpp"

namespace sirfp::emulator {

enum class operand : std::uint8_t { f16, bf16, tf32 };

// The products are exact, their sum with d is rounded once; a GPU truncates a little more.
void mma(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], operand type, site here);
void load_matrices(std::uint32_t* into, int count, bool transposed, const void* row, site here);

}  // namespace sirfp::emulator
