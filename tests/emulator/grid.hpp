// Runs a kernel on the host: every thread a fiber, a few blocks at a time, always in an order drawn from the seed.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>

#include "threads.hpp"

namespace sirfp::emulator {

// A kernel did what no GPU promises to survive: divergence at a barrier, a lane missing from its mask, misaligned or stray accesses.
class kernel_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// `body` is the kernel with its arguments, run once by every thread.
void run_grid(const grid_shape& shape, const std::function<void()>& body);

// The order of threads and blocks follows from it: SIRFP_EMULATOR_SEED, or 1. Setting it starts the sequence anew.
std::uint64_t seed();
// Kernels that were run since the seed was set.
std::uint64_t launches();
void set_seed(std::uint64_t value);

}  // namespace sirfp::emulator
