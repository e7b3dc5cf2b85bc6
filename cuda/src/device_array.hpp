// Working memory of one call on the device: not cleared, given back in stream order when it goes out of scope.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/runtime.hpp"

namespace sirfp {

template <class Value>
class device_array {
 public:
  device_array(std::int64_t size, void* stream)
      : size_(size), stream_(stream), data_(size == 0 ? nullptr : static_cast<Value*>(device::allocate(bytes(), stream))) {}
  device_array(std::span<const Value> values, void* stream) : device_array(static_cast<std::int64_t>(values.size()), stream) {
    if (size_ != 0) device::copy_to_device(data_, values.data(), bytes(), stream_);
  }
  device_array(const device_array&) = delete;
  device_array& operator=(const device_array&) = delete;
  ~device_array() {
    if (data_ != nullptr) device::release(data_, stream_);
  }

  Value* data() const noexcept { return data_; }
  void zero() {
    if (size_ != 0) device::zero(data_, bytes(), stream_);
  }
  std::vector<Value> to_host_sync() const {
    std::vector<Value> values(static_cast<std::size_t>(size_));
    if (size_ != 0) device::copy_to_host_sync(values.data(), data_, bytes(), stream_);
    return values;
  }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(Value); }
  std::int64_t size_;
  void* stream_;
  Value* data_;
};

}  // namespace sirfp
