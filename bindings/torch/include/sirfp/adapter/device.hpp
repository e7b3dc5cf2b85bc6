// Where a network's passes and the engine's kernels run.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <memory>
#include <string_view>
#include <unordered_map>

#include "sirfp/context.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {

// The engine on a device: on the host the cpu backend (exact: the reference), on a GPU the cuda backend on Torch's current stream there,
// which has to stay the current one while the context is used (what reads a feature map refuses another). Throws invalid_argument and says
// what is missing: the backend in this build, CUDA in this Torch, a driver, a GPU of that number.
context context_on(c10::Device device, std::shared_ptr<executor> threads, bool exact = false);

// Torch's current stream there, as a cudaStream_t; null on the host.
void* current_stream(c10::Device device);

// Waits for whatever was put on the device's current stream; does nothing on the host.
void wait_sync(c10::Device device);

// What Torch's allocator holds for tensors to come goes back to the driver, where the engine's own memory is taken from; false on the host.
bool release_cached(c10::Device device);

// work(), and once more where memory runs out but Torch held some back. What it has begun must not hurt the second time.
template <class Work>
auto with_cache_released(c10::Device device, const Work& work) {
  try {
    return work();
  } catch (const out_of_memory&) {
    if (!release_cached(device)) throw;
  }
  return work();
}

// The tensor on the device, or itself where it lies there. The host does not wait, and may free its (pageable) tensor at once.
at::Tensor sent_to(c10::Device device, const at::Tensor& tensor);

// Throws invalid_argument unless the context's stream is Torch's current one there, `what` being the subject: either would read what the
// other has not yet written.
void expect_torchs_stream(const context& ctx, c10::Device device, std::string_view what);

// A double tensor over an array of the engine's on that device, which has to outlive it.
at::Tensor tensor_over(const context& ctx, const buffer& values, at::IntArrayRef sizes, c10::Device device);

// A device and a network's tensors there: each is copied once, when it is first asked for; what is written to it later is not seen. On the
// network's own device everything is handed back as it is. Not for several threads at once.
class placement {
 public:
  explicit placement(c10::Device device = c10::kCPU) : device_(device) {}
  c10::Device device() const noexcept { return device_; }
  // A whole number without axes stays on the host: sizes are computed from it, and nobody has to wait for that.
  at::Tensor of(const at::Tensor& tensor);
  // A tensor, a list of tensors; and a device that the network's code names, which becomes this one. Anything else as it is.
  c10::IValue of(const c10::IValue& value);

 private:
  struct copied {
    at::Tensor from;  // keeps the key from being reused
    at::Tensor to;
  };
  c10::Device device_;
  std::unordered_map<const at::TensorImpl*, copied> copies_;
};

}  // namespace sirfp::adapter
