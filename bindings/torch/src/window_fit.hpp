// A convolution whose taps are fitted each by itself (docs/decisions/0006): at a share of its output pixels, what all its taps see in the
// cut network and what it gives in the original one.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "patches.hpp"
#include "sirfp/adapter/apply.hpp"
#include "sirfp/context.hpp"
#include "sirfp/moments.hpp"

namespace sirfp::adapter {

class window_fit {
 public:
  // Nothing for a reader without such a window. `images`: how many will come; 0: not known, all pixels are seen. If `soon`, what the
  // original's operator gives is handed in; otherwise it is computed from its weight.
  static std::optional<window_fit> of(const network& net, const captured_network& captured, const consumer& reader, std::int64_t images,
                                      bool soon);

  struct sample {           // of one image
    at::Tensor pixels;      // of the output: [P]
    at::Tensor seen;        // [kept channels x taps, P], float
    at::Tensor given = {};  // [outputs, P], float, without the bias
  };
  // d, z: the site of one image in the original and in the cut network, [C, H, W]. Nothing where images like this are too few or too small.
  std::optional<sample> look(const at::Tensor& d, const at::Tensor& z, std::uint64_t image) const;
  // The operator's output for that image, [all outputs, H, W].
  void take(sample& at, const at::Tensor& output) const;

  const torch::jit::Node* node() const noexcept { return node_; }
  bool soon() const noexcept { return soon_; }

  void add(const context& ctx, const sample& next);
  // Moments of what is seen, followed by what is given; this fit's own. Null if there were too few pixels for `channels` kept ones. Waits
  // for the device.
  const moments_state* sums_sync(const context& ctx, std::int64_t channels);

 private:
  void add_waiting(const context& ctx);

  const consumer* reader_ = nullptr;
  const torch::jit::Node* node_ = nullptr;
  tap_window window_;
  std::int64_t images_ = 0;
  bool soon_ = false;
  c10::Device device_ = c10::kCPU;
  at::Tensor weight_;  // the reader's block, [outputs, channels x taps], on the device
  at::Tensor bias_;    // [outputs, 1], undefined: none
  // Samples wait until there are enough of them: adding to the sums passes over a matrix of (channels x taps)^2 numbers.
  std::vector<at::Tensor> waiting_;  // [rows, P]
  std::int64_t waiting_bytes_ = 0;
  moments_state sums_;
};

}  // namespace sirfp::adapter
