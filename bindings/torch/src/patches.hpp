// What a convolution's taps see: its input cut into patches, one a sampled output pixel.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

#include "sirfp/channel_graph.hpp"

namespace sirfp::adapter {

// A two-dimensional convolution's geometry.
struct tap_window {
  std::array<std::int64_t, 2> kernel = {1, 1};
  std::array<std::int64_t, 2> stride = {1, 1};
  std::array<std::int64_t, 2> padding = {0, 0};
  std::array<std::int64_t, 2> dilation = {1, 1};
  std::int64_t taps() const noexcept { return kernel[0] * kernel[1]; }
  // Height and width of the output for an input of that height and width.
  std::array<std::int64_t, 2> output(std::int64_t height, std::int64_t width) const noexcept;
};

// The window of a reader that is a plain (not transposed) two-dimensional convolution with numbers for padding; nothing for others.
std::optional<tap_window> window_of(const op& reader, const consumer& use, at::IntArrayRef weight_sizes);

// [C, H, W] -> [C * taps, P]: for each of the output pixels (row * output width + column), what each tap of each channel sees; 0 in the
// padding. Channels vary slowest, as in weight.flatten(1).
at::Tensor patches(const at::Tensor& image, const tap_window& window, const at::Tensor& pixels);

}  // namespace sirfp::adapter
