// The memory of tensors on disk while nobody computes with them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "spill_file.hpp"

namespace sirfp::adapter {

// Memory blocks that tensors lie in, each once however many views share it.
class tensor_memory {
 public:
  // Blocks that `pinned` tensors lie in too are left out; so are tensors that are not laid out in a block.
  tensor_memory(const std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& pinned);
  std::int64_t bytes() const noexcept { return bytes_; }

  // Moves the blocks' contents to the file and frees them. The tensors stay the objects that they are, with their views, lists and aliases:
  // only their bytes are gone, and nobody may look at them until `restore`. If it throws, what was moved stays on disk.
  void spill(spill_file& file);
  void restore(spill_file& file);
  bool on_disk() const noexcept { return !places_.empty(); }

 private:
  std::vector<c10::Storage> blocks_;
  std::vector<spill_file::region> places_;  // of the first blocks, in their order
  std::int64_t bytes_ = 0;
};

}  // namespace sirfp::adapter
