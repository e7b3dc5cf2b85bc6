#include "sirfp/adapter/device.hpp"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "sirfp/backend.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {

// No header of CUDA: Torch's registry of devices has the stream. A device that is not there is left to the backend to name.
void* current_stream(c10::Device device) {
  if (device.is_cpu()) return nullptr;
  const c10::impl::VirtualGuardImpl guard(device.type());
  return device.index() < guard.deviceCount() ? guard.getStream(device).native_handle() : nullptr;
}

void wait_sync(c10::Device device) {
  if (!device.is_cuda()) return;
  const c10::impl::VirtualGuardImpl guard(device.type());
  guard.synchronizeStream(guard.getStream(device));
}

bool release_cached(c10::Device device) {
  if (!device.is_cuda()) return false;
  c10::getDeviceAllocator(device.type())->emptyCache();
  return true;
}

at::Tensor sent_to(c10::Device device, const at::Tensor& tensor) {
  return tensor.device() == device ? tensor : tensor.to(device, tensor.scalar_type(), /*non_blocking=*/true);
}

void expect_torchs_stream(const context& ctx, c10::Device device, std::string_view what) {
  SIRFP_EXPECTS(ctx.backend->space() == memory_space::host || ctx.stream == current_stream(device), what, " on ", device,
                ": the context has another stream than Torch's current one there");
}

at::Tensor tensor_over(const context& ctx, const buffer& values, at::IntArrayRef sizes, c10::Device device) {
  expect_torchs_stream(ctx, device, "an array");
  SIRFP_EXPECTS(c10::multiply_integers(sizes) == values.size(), "tensor of ", sizes, " over ", values.size(), " values");
  const at::TensorOptions options = at::TensorOptions(device).dtype(at::kDouble);
  return at::for_blob(const_cast<double*>(values.data()), sizes).options(options).target_device(device).make_tensor();
}

at::Tensor placement::of(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.device() == device_ || (tensor.dim() == 0 && !tensor.is_floating_point())) return tensor;
  const auto [place, added] = copies_.try_emplace(tensor.unsafeGetTensorImpl());
  if (added) place->second = {tensor, sent_to(device_, tensor.detach())};
  return place->second.to;
}

c10::IValue placement::of(const c10::IValue& value) {
  if (device_.is_cpu()) return value;
  if (value.isTensor()) return of(value.toTensor());
  if (value.isDevice()) return device_;
  if (!value.isTensorList()) return value;
  c10::List<at::Tensor> placed;
  for (const at::Tensor& tensor : value.toTensorVector()) placed.push_back(of(tensor));
  return placed;
}

}  // namespace sirfp::adapter
