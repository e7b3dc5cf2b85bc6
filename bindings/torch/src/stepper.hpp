// A forward pass that can be held between two operators, copied there, and given other weights: what partial forwards from a cut
// (sensitivity) and the side-by-side sweep (refit) are made of.
#pragma once

#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "execution.hpp"

namespace sirfp::adapter {

// An operator's argument that is to be another tensor.
struct argument_override {
  const torch::jit::Node* node = nullptr;
  std::size_t argument = 0;
  at::Tensor tensor;
};

// Copies share their tensors, so in-place operators run on a copy of what they write. Each has lists and dictionaries of its own.
class stepper {
 public:
  stepper(std::shared_ptr<const program> code, const at::Tensor& input);
  stepper(const stepper& other);
  stepper(stepper&&) = default;
  stepper& operator=(const stepper&) = delete;
  stepper& operator=(stepper&&) = default;
  ~stepper() = default;

  bool done() const noexcept { return position_ == code_->body.code.size(); }
  std::size_t position() const noexcept { return position_; }
  const torch::jit::Node* next() const { return instruction_at().node; }
  // An input of the next operator.
  at::Tensor input(std::size_t argument) const;
  void replace(const argument_override& change);
  // Runs the next operator and returns its node; `outputs` receives what it made.
  const torch::jit::Node* step(std::vector<torch::jit::IValue>* outputs = nullptr);
  // Appends the tensors that the pass holds for operators to come, and those that are not its own: the network's and their replacements.
  // Both may name memory that the other does (a view of a parameter).
  void list_tensors(std::vector<at::Tensor>& live, std::vector<at::Tensor>& foreign) const;

 private:
  const instruction& instruction_at() const { return code_->body.code[position_]; }
  void isolate(const instruction& next, torch::jit::Stack& stack);

  std::shared_ptr<const program> code_;
  execution state_;
  std::size_t position_ = 0;
  std::unordered_map<const torch::jit::Node*, std::vector<std::pair<std::size_t, at::Tensor>>> overrides_;
};

}  // namespace sirfp::adapter
