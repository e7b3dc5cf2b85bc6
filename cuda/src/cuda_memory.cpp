#include "cuda_memory.hpp"

#include "device/runtime.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {

bool cuda_memory::same_place(const memory_resource& other) const noexcept {
  const auto* same = dynamic_cast<const cuda_memory*>(&other);
  return same != nullptr && same->device_ == device_ && same->stream_ == stream_;
}

std::int64_t cuda_memory::total_bytes() const {
  const device::device_scope scope(device_);
  return static_cast<std::int64_t>(device::memory().total);
}

void* cuda_memory::allocate(std::size_t bytes) {
  const device::device_scope scope(device_);
  return device::allocate(bytes, stream_);
}

void cuda_memory::deallocate(void* pointer, std::size_t) noexcept {
  try {
    const device::device_scope scope(device_);
    device::release(pointer, stream_);
  } catch (const failure&) {  // NOLINT(bugprone-empty-catch): the device is lost, and the memory with it
  }
}

void cuda_memory::zero(void* pointer, std::size_t bytes) {
  const device::device_scope scope(device_);
  device::zero(pointer, bytes, stream_);
}

void cuda_memory::copy(void* pointer, const void* from, std::size_t bytes) {
  const device::device_scope scope(device_);
  device::copy(pointer, from, bytes, stream_);
}

void cuda_memory::copy_to_host(void* host, const void* pointer, std::size_t bytes) {
  const device::device_scope scope(device_);
  device::copy_to_host_sync(host, pointer, bytes, stream_);
}

void cuda_memory::copy_from_host(void* pointer, const void* host, std::size_t bytes) {
  const device::device_scope scope(device_);
  device::copy_to_device(pointer, host, bytes, stream_);
}

}  // namespace sirfp
