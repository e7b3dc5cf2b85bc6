// Apply: the masked and the slim network of a plan, with the compensation that goes with it.
#pragma once

#include <map>
#include <string>

#include "sirfp/adapter/capture.hpp"
#include "sirfp/channel_graph.hpp"
#include "sirfp/compensation.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/plan.hpp"

namespace sirfp::adapter {

// Full-size parameters that replace the network's: by parameter name, float32. A bias that the network does not have is named
// "<place of the weight>.bias" and listed in `added_biases` with the weight it belongs to.
struct compensated_weights {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> added_biases;  // weight name -> bias name
  std::vector<std::string> notes;                   // consumers that could not be compensated, and why (a weight shared between sites)
};

// Least squares or constant absorption at every consumer site with removed channels (METHOD 7), computed where `ctx` does.
compensated_weights compensate(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph,
                               const channel_mask& mask, const std::map<std::string, moments_state>& sites, compensation how,
                               double lambda = 1e-3);

// safetensors; returns the file's hash.
std::string save_weights(const compensated_weights& weights, const std::filesystem::path& path);
compensated_weights load_weights(const std::filesystem::path& path, const std::string& expected_hash);

// The original network with its removed channels zeroed where they are consumed. Full size; a TorchScript network like any other.
network masked_network(const network& net, const captured_network& captured, const channel_graph& graph, const plan& p,
                       const compensated_weights& weights);
// The removed channels sliced out of parameters, buffers, tensor constants and integer literals. Loads in plain PyTorch.
network slim_network(const network& net, const captured_network& captured, const channel_graph& graph, const plan& p,
                     const compensated_weights& weights);

}  // namespace sirfp::adapter
