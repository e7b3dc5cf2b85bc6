// Importance of channels read off the weights alone: the criteria of the pruning literature, for comparison.
#pragma once

#include <vector>

#include "sirfp/adapter/capture.hpp"
#include "sirfp/channel_graph.hpp"

namespace sirfp::adapter {

enum class weight_criterion : std::uint8_t {
  l1,          // sum of |w| over a filter (Li et al. 2017)
  batch_norm,  // |gamma| of the BatchNorm behind the layer (Liu et al. 2017); l1 where there is none
  fpgm,        // sum of the Euclidean distances to the layer's other filters (He et al. 2019)
};

// [group][channel], larger is more important. Each layer's scores are divided by their mean, so that layers of one group can be added;
// a channel's score is the sum over the layers and positions that make it. Locked groups score 0. Throws invalid_argument for a weight that
// the network computes.
std::vector<std::vector<double>> weight_scores(const network& net, const captured_network& captured, const channel_graph& graph,
                                               weight_criterion how);

}  // namespace sirfp::adapter
