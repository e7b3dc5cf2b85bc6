#include "tensor_spill.hpp"

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>

#include <unordered_set>

namespace sirfp::adapter {
namespace {

bool has_block(const at::Tensor& tensor) {
  return tensor.defined() && tensor.layout() == c10::kStrided && tensor.has_storage() && tensor.device().is_cpu();
}

}  // namespace

tensor_memory::tensor_memory(const std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& pinned) {
  std::unordered_set<const c10::StorageImpl*> seen;
  for (const at::Tensor& tensor : pinned)
    if (has_block(tensor)) seen.insert(tensor.storage().unsafeGetStorageImpl());
  for (const at::Tensor& tensor : tensors) {
    if (!has_block(tensor) || tensor.storage().nbytes() == 0 || !seen.insert(tensor.storage().unsafeGetStorageImpl()).second) continue;
    blocks_.push_back(tensor.storage());
    bytes_ += static_cast<std::int64_t>(tensor.storage().nbytes());
  }
}

void tensor_memory::spill(spill_file& file) {
  while (places_.size() < blocks_.size()) {
    c10::Storage& block = blocks_[places_.size()];
    places_.push_back(file.put(block.data(), static_cast<std::int64_t>(block.nbytes())));
    block.set_data_ptr(at::DataPtr(nullptr, c10::Device(c10::kCPU)));
  }
}

void tensor_memory::restore(spill_file& file) {
  for (; !places_.empty(); places_.pop_back()) {
    c10::Storage& block = blocks_[places_.size() - 1];
    at::DataPtr memory = c10::GetCPUAllocator()->allocate(block.nbytes());
    file.take(places_.back(), memory.get());
    block.set_data_ptr(std::move(memory));
  }
}

}  // namespace sirfp::adapter
