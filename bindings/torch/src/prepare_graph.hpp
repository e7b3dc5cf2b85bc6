// The forward graph as the engine runs it: one flat graph over the module tree.
#pragma once

#include <torch/script.h>

#include <memory>

namespace sirfp::adapter {

// A copy of the module's forward in which every call is inlined (each node's scope names the module it came from), attributes that are
// neither tensors nor modules are constants, conditions and loops that constants decide are gone, and so is code that nothing reads.
// Parameters stay prim::GetAttr paths from self. Throws invalid_argument when forward does not take one tensor.
std::shared_ptr<torch::jit::Graph> prepare_graph(const torch::jit::Module& module);

}  // namespace sirfp::adapter
