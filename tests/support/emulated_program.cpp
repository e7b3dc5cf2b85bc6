// The `sirfp` program as with --device cuda, but on the emulated GPU: its contexts are the cuda backend's, and all of Torch's tensors lie
// in the emulated device's memory. Slow; for networks of a few channels.
#include "emulated_tensors.hpp"
#include "sirfp/adapter/device.hpp"
#include "sirfp/cuda_context.hpp"

namespace sirfp {
namespace {

const auto* const everywhere = new test::emulated_tensors;  // to the end, when others still free theirs

}  // namespace

// In place of the adapter's (bindings/torch/src/context_on.cpp).
context adapter::context_on(c10::Device /*device*/, std::shared_ptr<executor> threads, bool exact) {
  return exact ? reference_context() : cuda_context(0, nullptr, threads ? std::move(threads) : make_thread_pool(1));
}

}  // namespace sirfp
