// Observe: forward passes whose feature maps go through the kernels as they are made.
#pragma once

#include <string>
#include <vector>

#include "sirfp/adapter/capture.hpp"
#include "sirfp/calibration_state.hpp"
#include "sirfp/channel_graph.hpp"

namespace sirfp::adapter {

struct observe_options {
  similarity_options similarity;
  bool similarities = true;  // pairwise redundancy of every observed layer of a group that is not locked
  bool moments = true;       // mean and covariance of every consumer site that holds a channel that is not locked
  bool edges = false;        // edge scores of the layers whose name starts with `backbone`
  std::string backbone;
  enum class weighting { uniform, edge_aware } pixel_weights = weighting::uniform;
};

// A view of a tensor whose channels stand on `axis`; no copy for any strides it can have with up to two remaining axes.
feature_view view_of(const at::Tensor& tensor, std::int64_t axis);

class observer {
 public:
  observer(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph, observe_options options);
  // One batch [N, C, H, W] named image by image. Either all of it is counted in `state` or, when it throws, nothing is. A NaN or infinity
  // throws failure naming layer or site and image.
  void add(const at::Tensor& batch, const std::vector<std::string>& names, calibration_state& state) const;

 private:
  context ctx_;
  const network& net_;
  const captured_network& captured_;
  const channel_graph& graph_;
  observe_options options_;
};

// ATen's intra-op pool as the engine's pool, so that there is one.
std::shared_ptr<executor> aten_executor();

}  // namespace sirfp::adapter
