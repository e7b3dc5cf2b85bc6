// The graph as `runner` executes it.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "sirfp/adapter/network.hpp"

namespace sirfp::adapter {

struct block_code;

struct instruction {
  enum class kind : std::uint8_t {
    call,
    list,
    tuple,
    dict,
    unpack_list,
    unpack_tuple,
    slice_tuple,
    instance_of,
    uninitialized,
    branch,
    loop,
    raise,
    refuse
  };
  struct operand {
    std::int32_t slot = -1;
    bool last_use = false;  // the value leaves its slot: whoever holds the stack holds the tensor
  };
  const torch::jit::Node* node = nullptr;
  kind what = kind::call;
  std::unique_ptr<torch::jit::Operation> operation;  // call
  std::vector<operand> inputs;
  std::vector<std::int32_t> outputs;                // -1: nobody reads it
  std::vector<std::unique_ptr<block_code>> blocks;  // branch: then, else; loop: body
  std::vector<std::int32_t> done;                   // slots whose last use was inside the blocks
};

struct block_code {
  std::vector<std::int32_t> parameters;  // slots, -1: nobody reads it
  std::vector<instruction> code;
  std::vector<instruction::operand> results;
};

struct program {
  std::vector<torch::jit::IValue> slots;  // constants and parameters in place, on the device; all else empty
  c10::Device device = c10::kCPU;
  std::int32_t input = -1;
  std::shared_ptr<torch::jit::Graph> graph;  // owns the nodes
  block_code body;
};

program compile(const network& net);

}  // namespace sirfp::adapter
