// Device memory behind core's memory_resource, ordered on one stream.
#pragma once

#include "sirfp/memory.hpp"

namespace sirfp {

class cuda_memory final : public memory_resource {
 public:
  cuda_memory(int device, void* stream) : device_(device), stream_(stream) {}
  memory_space space() const noexcept override { return memory_space::cuda; }
  bool same_place(const memory_resource& other) const noexcept override;
  std::int64_t total_bytes() const override;
  void* allocate(std::size_t bytes) override;
  void deallocate(void* pointer, std::size_t bytes) noexcept override;
  void zero(void* pointer, std::size_t bytes) override;
  void copy(void* pointer, const void* from, std::size_t bytes) override;
  void copy_to_host(void* host, const void* pointer, std::size_t bytes) override;
  void copy_from_host(void* pointer, const void* host, std::size_t bytes) override;

 private:
  int device_;
  void* stream_;
};

}  // namespace sirfp
