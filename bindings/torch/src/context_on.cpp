// Alone in its file, so that a program may bring its own: the tests have one that computes on the emulated GPU.
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/version.h>

#include "sirfp/adapter/device.hpp"

namespace sirfp::adapter {

context context_on(c10::Device device, std::shared_ptr<executor> threads, bool exact) {
  if (device.is_cpu()) return exact ? reference_context() : cpu_context(std::move(threads));
  SIRFP_EXPECTS(device.is_cuda() && device.has_index(), "device ", device, ": expected cpu or cuda:N");
  const std::string backend = device.str();
  if (!has_backend("cuda")) return make_context(backend);  // which says how to get it
  SIRFP_EXPECTS(c10::impl::hasDeviceGuardImpl(device.type()), "backend ", backend, ": this Torch (", TORCH_VERSION,
                ") has no CUDA, expected one that was built with it");
  return make_context(backend, std::move(threads), {.stream = current_stream(device), .exact = exact});
}

}  // namespace sirfp::adapter
