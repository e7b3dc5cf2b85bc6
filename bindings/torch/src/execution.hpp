// One pass through a program: the slots with the tensors that are alive, and the machine that runs instructions over them.
#pragma once

#include <vector>

#include "program.hpp"
#include "sirfp/adapter/network.hpp"

namespace sirfp::adapter {

class execution {
 public:
  execution(std::vector<torch::jit::IValue> slots, run_listener* listener) : slots_(std::move(slots)), listener_(listener) {}

  torch::jit::IValue& slot(std::int32_t index) { return slots_[static_cast<std::size_t>(index)]; }
  const torch::jit::IValue& slot(std::int32_t index) const { return slots_[static_cast<std::size_t>(index)]; }

  void block(const block_code& code, torch::jit::Stack& results);
  // One instruction of a block. `stack` holds its inputs when it starts and its outputs when it ends; the caller loads and stores.
  void run(const instruction& step, torch::jit::Stack& stack);
  void load(const std::vector<instruction::operand>& operands, torch::jit::Stack& stack);
  void store(const std::vector<std::int32_t>& targets, torch::jit::Stack& values);
  void finish(const instruction& step);  // frees what was last used inside the instruction's blocks

 private:
  void branch(const instruction& step, torch::jit::Stack& stack);
  void loop(const instruction& step, torch::jit::Stack& stack);
  void operate(const instruction& step, torch::jit::Stack& stack);

  std::vector<torch::jit::IValue> slots_;
  run_listener* listener_;
};

}  // namespace sirfp::adapter
