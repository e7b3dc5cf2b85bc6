// Observe: forward passes whose feature maps go through the kernels as they are made.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "sirfp/adapter/capture.hpp"
#include "sirfp/calibration_state.hpp"
#include "sirfp/channel_graph.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {

struct observe_options {
  similarity_options similarity = {};
  bool similarities = true;  // pairwise redundancy of every observed layer of a group that is not locked
  bool moments = true;       // mean and covariance of every consumer site that holds a channel that is not locked
  bool edges = false;        // edge scores of the layers whose name starts with `backbone`
  std::string backbone = {};
  enum class weighting { uniform, edge_aware } pixel_weights = weighting::uniform;
  // Share of each map's pixels that similarities and moments are summed over: a stratified sample by image name, never fewer pixels an
  // image than the map has channels. Edge scores see all of them.
  double sample_pixels = 1;
  // On a GPU: wait for every batch, so that a bad one is thrown by `add` and not counted, as on the CPU (docs/decisions/0005).
  bool wait_for_each = false;
};

// A NaN or an infinity in a feature map: which image of the batch brought it.
class bad_feature_error : public failure {
 public:
  bad_feature_error(const std::string& what, std::string image_name) : failure(what), image(std::move(image_name)) {}
  std::string image;
};

// A view, in the tensor's own memory space, of a float32, float16 or bfloat16 tensor whose axis 0 is the batch and whose channels stand on
// `axis`; no copy for any strides it can have with up to two remaining axes. Throws invalid_argument for other tensors.
feature_view view_of(const at::Tensor& tensor, std::int64_t axis);

// Non-negative weights [N, H, W] of a feature map [N, C, H, W] (channels on `axis`): the Sobel magnitude (kernels of METHOD 2) of its mean
// over the channels. Undefined, which means uniform, for maps that are not images (fewer or more than two axes beside batch and channels).
at::Tensor edge_weights(const at::Tensor& tensor, std::int64_t axis);

class observer {
 public:
  // Keeps references to `captured` and `graph`. `ctx` computes where the network runs (context_on).
  observer(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph, observe_options options);
  // One batch [N, C, H, W] named image by image. Either all of it is counted in `state` or, when it throws, nothing is. Counting image
  // names is the caller's. Throws bad_feature_error (layer or site, operator, image).
  // A batch that does not fit a device's memory is counted in parts of half the size, and so are those that come after it; the last bits
  // then depend on how much memory was free. One thread at a time. On a GPU it waits for nothing: its state grows on the device,
  // expect_sound_sync throws, and a state is of no use after either does.
  void add(const at::Tensor& batch, const std::vector<std::string>& names, calibration_state& state) const;
  // Waits for the device and throws the bad_feature_error that the CPU would have thrown first. Nothing to do on the host.
  void expect_sound_sync(const calibration_state& state) const;
  // Images that have turned out to fit at once; 0: whatever came did.
  std::int64_t images_at_once() const noexcept { return images_at_once_; }

 private:
  friend class batch_observation;
  struct reading {
    std::size_t site = 0;
    std::size_t input = 0;  // which input of the node
  };
  void check_state(const calibration_state& state) const;
  void count_in_parts(const at::Tensor& batch, const std::vector<std::string>& names, const std::map<std::string, int>& already,
                      const calibration_state& so_far, calibration_state& sums) const;

  context ctx_;
  const captured_network& captured_;
  const channel_graph& graph_;
  observe_options options_;
  bool deferred_;  // the backend notes bad input instead of throwing it
  runner run_;
  mutable std::int64_t images_at_once_ = 0;
  std::unordered_map<const torch::jit::Node*, std::vector<std::size_t>> layers_;  // observed behind a node: indices into graph.layers
  std::unordered_map<const torch::jit::Node*, std::vector<reading>> sites_;       // read before a node
};

// ATen's intra-op pool as the engine's pool, so that there is one.
std::shared_ptr<executor> aten_executor();

}  // namespace sirfp::adapter
