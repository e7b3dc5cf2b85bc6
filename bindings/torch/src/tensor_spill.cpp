#include "tensor_spill.hpp"

#include <ATen/ATen.h>

#include <unordered_set>

#include "sirfp/adapter/device.hpp"

namespace sirfp::adapter {
namespace {

bool has_block(const at::Tensor& tensor) { return tensor.defined() && tensor.layout() == c10::kStrided && tensor.has_storage(); }

// The block's bytes, as a tensor in its memory.
at::Tensor bytes_of(const c10::Storage& block) {
  const auto count = static_cast<std::int64_t>(block.nbytes());
  return at::empty({0}, at::TensorOptions().dtype(at::kByte).device(block.device())).set_(block, 0, {count}, {1});
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
    const at::Tensor host = bytes_of(block).cpu();
    places_.push_back(file.put(host.const_data_ptr(), host.numel()));
    block.set_data_ptr(at::DataPtr(nullptr, block.device()));
  }
}

void tensor_memory::restore(spill_file& file) {
  for (; !places_.empty(); places_.pop_back()) {
    c10::Storage& block = blocks_[places_.size() - 1];
    const at::Tensor host = at::empty({static_cast<std::int64_t>(block.nbytes())}, at::kByte);
    file.take(places_.back(), host.mutable_data_ptr());
    const at::Tensor back = sent_to(block.device(), host);
    block.set_data_ptr(back.storage().set_data_ptr(at::DataPtr(nullptr, block.device())));
  }
}

}  // namespace sirfp::adapter
