// Rebuild: from a network, a fresh TorchScript module that may be edited freely.
//
// The tree of submodules and all names in it stay (state_dict keys too), but every submodule gets a type of its own, no submodule keeps
// a method, and the top has one flat `forward`. Traced networks and scripted ones, whose submodules share classes and code, are edited
// alike then: each operator stands in one graph that nobody shares.
#pragma once

#include <torch/script.h>

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sirfp/adapter/capture.hpp"

namespace sirfp::adapter {

struct added_tensor {
  std::string name;  // path in the module tree; its folder exists
  at::Tensor value;
  bool trained = true;  // a parameter; else a buffer
};

struct rebuilt_network {
  torch::jit::Module module;
  std::shared_ptr<torch::jit::Graph> graph;                               // a copy of the network's, over the new types
  std::unordered_map<const torch::jit::Node*, torch::jit::Node*> copies;  // original node -> its copy
};

// `replaced`: by path, the tensors that differ from the network's. A path that the op list does not know (an alias of a shared
// parameter, seen under another name) follows the path that it shares its values with. Tensors shared before stay shared.
rebuilt_network rebuild(const network& net, const captured_network& captured, const std::map<std::string, at::Tensor>& replaced,
                        const std::vector<added_tensor>& added);

// The value of a parameter or buffer, read at the graph's insert point.
torch::jit::Value* read_tensor(rebuilt_network& built, const std::string& path);

// Makes the graph the module's `forward`, in eval mode. `like`: where stored type and output choice come from.
network finish(rebuilt_network built, const network& like);

}  // namespace sirfp::adapter
