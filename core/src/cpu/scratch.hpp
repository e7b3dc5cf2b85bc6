// Working memory of one call: not cleared, 64-byte aligned, from the context's memory resource.
#pragma once

#include <cstdint>
#include <memory>

#include "sirfp/memory.hpp"

namespace sirfp {

template <class Value>
class scratch {
 public:
  scratch(std::shared_ptr<memory_resource> memory, std::int64_t size)
      : memory_(std::move(memory)),
        bytes_(static_cast<std::size_t>(size) * sizeof(Value)),
        data_(bytes_ == 0 ? nullptr : static_cast<Value*>(memory_->allocate(bytes_))) {}
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    if (data_ != nullptr) memory_->deallocate(data_, bytes_);
  }
  Value* data() const noexcept { return data_; }

 private:
  std::shared_ptr<memory_resource> memory_;
  std::size_t bytes_;
  Value* data_;
};

}  // namespace sirfp
