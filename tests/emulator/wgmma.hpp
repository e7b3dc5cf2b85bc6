// Products by warpgroup on the host, by the documented layout of operands and accumulators. They are made when they are waited for, so that
// an operand that was given back too early has changed by then.
#pragma once

#include <cstdint>

#include "threads.hpp"

namespace sirfp::emulator {

// d [64]: this thread's part.
void multiply_64_by_128(float* d, std::uint64_t a, std::uint64_t b, bool adds, bool bf16);
void commit_products();
void wait_for_products(int pending_groups);

}  // namespace sirfp::emulator
