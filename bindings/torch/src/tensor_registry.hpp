// Which value of the op list a tensor holds while the network runs. Tensors are told apart by identity, not by graph name, so that lists,
// branches and in-place operators need no rules of their own: a tensor in a list is the tensor that was put there, and after x.relu_()
// every name of x holds the new value.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace sirfp::adapter {

class tensor_registry {
 public:
  // `id` is what the tensor holds from now on, beside what it held before: an operator may hand its input on (dropout in eval mode).
  void add(const at::Tensor& tensor, std::int32_t id);
  // The tensor is a number made from sizes, no value of the list.
  void add_number(const at::Tensor& tensor);
  // The tensor was overwritten: all it held before is superseded by `id`.
  void overwrite(const at::Tensor& tensor, std::int32_t id);

  bool is_number(const at::Tensor& tensor) const;
  // The value that the tensor holds; `named` (the id that the graph's name for it was given) where that still is it.
  std::optional<std::int32_t> find(const at::Tensor& tensor, std::optional<std::int32_t> named = std::nullopt) const;
  // Other living tensors that share memory with this one, and what they hold.
  std::vector<std::pair<at::Tensor, std::int32_t>> overlapping(const at::Tensor& tensor) const;

 private:
  struct entry {
    c10::weak_intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl> tensor;  // keeps the address from being reused
    std::vector<std::int32_t> ids;                                            // the latest last; empty: a number
  };
  entry& entry_of(const at::Tensor& tensor);
  std::unordered_map<const at::TensorImpl*, entry> entries_;
  std::unordered_map<std::int32_t, std::int32_t> superseded_;
};

}  // namespace sirfp::adapter
