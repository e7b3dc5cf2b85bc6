#include "patches.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace sirfp::adapter {
namespace {

// aten::conv2d(input, weight, bias, stride, padding, dilation, groups) and aten::_convolution(..., dilation, transposed, ...)
constexpr std::size_t stride_argument = 3, padding_argument = 4, dilation_argument = 5, transposed_argument = 6;

std::optional<std::array<std::int64_t, 2>> pair_of(const op& reader, std::size_t argument) {
  const std::vector<std::int64_t>& ints = reader.arguments.at(argument).ints;
  if (ints.size() == 1) return std::array{ints[0], ints[0]};
  if (ints.size() == 2) return std::array{ints[0], ints[1]};
  return std::nullopt;  // words such as "same"
}

}  // namespace

std::array<std::int64_t, 2> tap_window::output(std::int64_t height, std::int64_t width) const noexcept {
  const auto extent = [&](std::size_t axis, std::int64_t size) {
    return std::max<std::int64_t>(0, (size + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis] + 1);
  };
  return {extent(0, height), extent(1, width)};
}

std::optional<tap_window> window_of(const op& reader, const consumer& use, at::IntArrayRef weight_sizes) {
  const bool plain = reader.name == "aten::conv2d" || reader.name == "aten::_convolution" || reader.name == "aten::convolution";
  if (!plain || use.input_axis != 1 || weight_sizes.size() != 4 || reader.arguments.size() <= transposed_argument) return std::nullopt;
  const bool flagged = reader.name != "aten::conv2d";
  if (flagged && reader.arguments[transposed_argument].ints != std::vector<std::int64_t>{0}) return std::nullopt;
  const auto stride = pair_of(reader, stride_argument), padding = pair_of(reader, padding_argument),
             dilation = pair_of(reader, dilation_argument);
  if (!stride || !padding || !dilation) return std::nullopt;
  return tap_window{{weight_sizes[2], weight_sizes[3]}, *stride, *padding, *dilation};
}

at::Tensor patches(const at::Tensor& image, const tap_window& window, const at::Tensor& pixels) {
  const auto [rows, columns] = window.padding;
  const at::Tensor padded = at::constant_pad_nd(image, {columns, columns, rows, rows});
  const std::int64_t width = padded.size(2), out_width = window.output(image.size(1), image.size(2))[1];
  const at::Tensor first =
      pixels.div(out_width, "floor") * (window.stride[0] * width) + pixels.remainder(out_width) * window.stride[1];  // its top left tap
  const at::Tensor flat = padded.flatten(1);
  at::Tensor seen = at::empty({image.size(0), window.taps(), pixels.numel()}, image.options());
  for (std::int64_t tap = 0; tap < window.taps(); ++tap) {
    const std::int64_t row = tap / window.kernel[1], column = tap % window.kernel[1];
    const at::Tensor places = first + (row * window.dilation[0] * width + column * window.dilation[1]);
    seen.select(1, tap).copy_(flat.index_select(1, places));
  }
  return seen.flatten(0, 1);
}

}  // namespace sirfp::adapter
