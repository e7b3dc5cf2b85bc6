// Where the numbers of a network come from: which of them are computed from tensor extents, and how.
#pragma once

#include <torch/script.h>

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sirfp/op_list.hpp"

namespace sirfp::adapter {

class size_origins {
 public:
  // The op list's id of the tensor that input `i` of the running node reads.
  using id_of_input = std::function<std::int32_t(std::size_t i)>;

  // After a node that makes numbers, 0-dimensional tensors made of numbers, or lists of numbers.
  void note(const torch::jit::Node* node, const std::vector<c10::IValue>& inputs, const std::vector<c10::IValue>& outputs,
            const id_of_input& id_of);
  // One origin a number: a constant has no extents and is its own factor. Nothing when it is not known (numbers that left a branch).
  std::optional<std::vector<size_origin>> of(const torch::jit::Value* value) const;

 private:
  std::optional<size_origin> single(const torch::jit::Value* value) const;
  std::optional<std::vector<size_origin>> follow(const torch::jit::Node* node, const std::vector<c10::IValue>& inputs,
                                                 const id_of_input& id_of) const;

  std::unordered_map<const torch::jit::Value*, std::vector<size_origin>> known_;
};

}  // namespace sirfp::adapter
