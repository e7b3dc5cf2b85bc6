// A network's tensors by name: those of its module tree, and the constants of its graph ("$constant.<k>").
#pragma once

#include "rebuild.hpp"
#include "sirfp/adapter/apply.hpp"

namespace sirfp::adapter {

std::int32_t value_named(const captured_network& captured, const std::string& name);
at::Tensor tensor_named(const network& net, const captured_network& captured, const std::string& name);

// The compensated tensors that stand where the network has one (not the added biases), in the network's element type. Throws
// invalid_argument for a tensor of a name or shape that the network does not have.
std::map<std::string, at::Tensor> replaced_tensors(const network& net, const captured_network& captured,
                                                   const compensated_weights& weights);

// Those of the module tree; and the rest, put into the graph.
std::map<std::string, at::Tensor> module_part(const std::map<std::string, at::Tensor>& tensors);
void replace_constants(rebuilt_network& built, const captured_network& captured, const std::map<std::string, at::Tensor>& tensors);

}  // namespace sirfp::adapter
