// The TorchScript operators that only build and open lists, tuples and dicts. LibTorch's own are part of its interpreter.
#pragma once

#include <torch/script.h>

namespace sirfp::adapter {

// Each replaces the stack (a node's inputs) by the node's outputs.
void construct_list(const torch::jit::Node* node, torch::jit::Stack& stack);
void construct_tuple(const torch::jit::Node* node, torch::jit::Stack& stack);
void construct_dict(const torch::jit::Node* node, torch::jit::Stack& stack);
void unpack_list(const torch::jit::Node* node, torch::jit::Stack& stack);
void unpack_tuple(torch::jit::Stack& stack);
void slice_tuple(const torch::jit::Node* node, torch::jit::Stack& stack);
void test_instance(const torch::jit::Node* node, torch::jit::Stack& stack);

}  // namespace sirfp::adapter
