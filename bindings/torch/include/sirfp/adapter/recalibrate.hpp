// BatchNorm recalibration (METHOD 7): running statistics of the cut network, measured on the calibration images.
#pragma once

#include "sirfp/adapter/apply.hpp"
#include "sirfp/adapter/capture.hpp"
#include "sirfp/adapter/sweep.hpp"
#include "sirfp/channel_graph.hpp"

namespace sirfp::adapter {

// One layer-wise sweep over the network that is cut by `mask` and has `weights`. At every aten::batch_norm that reads running statistics,
//   running_mean[c] = mean of its input,  running_var[c] = sum (input - mean)^2 / (n - 1)     over the n pixels of channel c of all images,
// in fp64, and the sweep goes on with these. Returns `weights` with the new statistics in full size; removed channels keep what they had.
// Statistics that several operators read, that are computed, or whose operator runs inside a loop or branch are left alone, with a note.
// Memory: see sweep_options. Throws invalid_argument if `images` has none.
compensated_weights recalibrate(const network& net, const captured_network& captured, const channel_graph& graph, const channel_mask& mask,
                                compensated_weights weights, image_stream images, const sweep_options& options);

}  // namespace sirfp::adapter
