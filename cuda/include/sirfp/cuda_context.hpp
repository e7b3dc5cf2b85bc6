// The cuda backend: similarity, moments, edge score, elimination and joint elimination on a GPU, behind the same functions as on the CPU.
#pragma once

#include <memory>

#include "sirfp/context.hpp"
#include "sirfp/cuda_options.hpp"

namespace sirfp {

// Computes on `stream` (a cudaStream_t, the caller's; null: the default stream) of the device, memory from the device's stream-ordered
// pool. Everything made with the context (states, buffers) must be gone before the stream is. Throws invalid_argument where there is no
// such device, or no device or driver at all. `threads` serve what runs on the host beside it.
context cuda_context(int device = 0, void* stream = nullptr, std::shared_ptr<executor> threads = nullptr, const cuda_options& options = {});

}  // namespace sirfp
