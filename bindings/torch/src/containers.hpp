// TorchScript's lists, tuples and dicts: the operators that only build and open them (LibTorch's own are part of its interpreter), and
// copies.
#pragma once

#include <torch/script.h>

#include <unordered_map>

namespace sirfp::adapter {

// Each replaces the stack (a node's inputs) by the node's outputs.
void construct_list(const torch::jit::Node* node, torch::jit::Stack& stack);
void construct_tuple(const torch::jit::Node* node, torch::jit::Stack& stack);
void construct_dict(const torch::jit::Node* node, torch::jit::Stack& stack);
void unpack_list(const torch::jit::Node* node, torch::jit::Stack& stack);
void unpack_tuple(torch::jit::Stack& stack);
void slice_tuple(const torch::jit::Node* node, torch::jit::Stack& stack);
void test_instance(const torch::jit::Node* node, torch::jit::Stack& stack);

// The value with lists, tuples and dictionaries of its own, however they are nested; what is the same one in several values that share
// `copies` stays the same one. Tensors are shared.
using container_copies = std::unordered_map<const void*, torch::jit::IValue>;
torch::jit::IValue unshared(const torch::jit::IValue& value, container_copies& copies);

}  // namespace sirfp::adapter
