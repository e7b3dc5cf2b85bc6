// A dense consumer's weight as the engine's maths sees it, and its operators' arguments that a compensation replaces.
#pragma once

#include <string>
#include <vector>

#include "sirfp/adapter/apply.hpp"
#include "stepper.hpp"

namespace sirfp::adapter {

// The rows of the weight that read the consumer's site, [outputs, inputs, taps], a view where strides allow: one block of a grouped
// convolution, input and output swapped for a transposed one.
at::Tensor block_of(const at::Tensor& weight, const consumer& reader);
// The site's removed positions set to 0 in the weight's block.
void zero_positions(at::Tensor& weight, const consumer& reader, const std::vector<std::int64_t>& positions);
std::vector<std::int64_t> removed_positions(const channel_layout& layout, const channel_mask& mask);

// gamma^2 / (running_var + eps) / sum gamma^2 of the BatchNorm that alone reads the consumer, double [all outputs]; undefined where there
// is none.
at::Tensor norm_gain(const network& net, const captured_network& captured, const consumer& reader);

// A transposed convolution lays its taps side by side over stride x stride output pixels: a constant input reaches each of them through
// that share of the taps on average (and not the same taps: a bias for all of them is approximate).
double share_of_taps(const op& reader, const consumer& use, std::int64_t weight_axes);

// An operator's argument and the tensor of the network that it reads there.
struct parameter_reading {
  const torch::jit::Node* node = nullptr;
  std::size_t argument = 0;
  std::string name;
};
// The arguments of one reader (and of the BatchNorm behind it) that `weights` has other tensors for.
std::vector<parameter_reading> parameter_readings(const captured_network& captured, const consumer& reader,
                                                  const compensated_weights& weights);

// What running the network with `weights` and without the removed channels replaces: weights with their removed columns 0, biases, means.
std::vector<argument_override> overrides_of(const network& net, const captured_network& captured, const channel_graph& graph,
                                            const channel_mask& mask, const compensated_weights& weights);

}  // namespace sirfp::adapter
