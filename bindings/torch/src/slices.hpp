// Slices: the positions of a tensor's axis that a plan keeps.
#pragma once

#include <ATen/core/Tensor.h>

#include "sirfp/channel_graph.hpp"
#include "sirfp/plan.hpp"

namespace sirfp::adapter {

// All slices of one tensor, each relative to the tensor as it is in the network; contiguous in the tensor's memory format.
at::Tensor sliced(const at::Tensor& tensor, std::vector<parameter_slice> slices);

// The positions of a layout whose channels stay.
std::vector<std::int64_t> kept_positions(const channel_layout& layout, const channel_mask& mask);

}  // namespace sirfp::adapter
