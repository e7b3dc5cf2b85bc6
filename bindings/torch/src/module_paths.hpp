// Where a graph value comes from in the module tree: "encoder.stem.0.weight" for a chain of prim::GetAttr that starts at self.
#pragma once

#include <torch/script.h>

#include <optional>
#include <string>
#include <vector>

namespace sirfp::adapter {

// The attribute names from self to the value, outermost first; nothing when the value is not an attribute. self itself: an empty path.
std::optional<std::vector<std::string>> attribute_path(const torch::jit::Value* value);
std::string joined(const std::vector<std::string>& path);

struct attribute {
  torch::jit::IValue value;
  bool is_parameter = false;
};
// Follows the path from `root`; nothing when an attribute is missing.
std::optional<attribute> attribute_at(const torch::jit::Module& root, const std::vector<std::string>& path);

// "aten::conv2d": the node's operator without its overload.
std::string operator_name(const torch::jit::Node* node);
// The module a node was called in: the module of its first parameter, else the module whose method was inlined (load_network keeps it
// as the node's scope), else empty.
std::string module_place(const torch::jit::Node* node);
// "aten::add at encoder.layer1.0", for error texts.
std::string described(const torch::jit::Node* node);

// The first line of a LibTorch error, without its stack trace.
std::string first_line(const std::exception& error);

}  // namespace sirfp::adapter
