// The biases that compensation adds to operators without one.
#pragma once

#include "rebuild.hpp"
#include "sirfp/adapter/apply.hpp"

namespace sirfp::adapter {

// What a rebuilt module is given: all channels of each bias (mask null), or those that stay.
std::vector<added_tensor> bias_tensors(const captured_network& captured, const channel_graph& graph, const compensated_weights& weights,
                                       const channel_mask* mask);
// The name of the bias that a weight's consumer is given: beside the weight, free in the network.
std::string added_bias_name(const std::string& weight, const captured_network& captured, const compensated_weights& result);
void connect_biases(rebuilt_network& built, const captured_network& captured, const channel_graph& graph,
                    const compensated_weights& weights);

}  // namespace sirfp::adapter
