// Torch's CPU tensors in the emulated device's memory, so that the adapter feeds them to the emulated cuda backend as it would a GPU's.
#pragma once

#include <c10/core/CPUAllocator.h>

#include <cstring>

#include "emulator/device_memory.hpp"

namespace sirfp::test {

// What is allocated while it lives lies there, guarded like any allocation of the device; freed whenever.
class emulated_tensors {
 public:
  emulated_tensors() : former_(c10::GetCPUAllocator()) {
    static device_allocator emulated;
    c10::SetCPUAllocator(&emulated);
  }
  emulated_tensors(const emulated_tensors&) = delete;
  emulated_tensors& operator=(const emulated_tensors&) = delete;
  ~emulated_tensors() { c10::SetCPUAllocator(former_); }

 private:
  class device_allocator final : public c10::Allocator {
   public:
    c10::DataPtr allocate(std::size_t bytes) override {
      void* data = bytes == 0 ? nullptr : emulator::allocate_device(bytes);
      return {data, data, &release, c10::Device(c10::kCPU)};
    }
    c10::DeleterFnPtr raw_deleter() const override { return &release; }
    void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }

   private:
    static void release(void* data) { emulator::release_device(data); }
  };
  c10::Allocator* former_;
};

}  // namespace sirfp::test
