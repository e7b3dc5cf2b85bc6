// A batch of feature maps in a chosen dtype and memory layout, with NaN in every element of the storage that is not part of the view.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "sirfp/features.hpp"

namespace sirfp::test {

enum class layout : std::uint8_t { nchw, nhwc, channel_slice, padded_rows, padded_nhwc, strided_columns, transposed, aligned };
inline constexpr layout all_layouts[] = {layout::nchw,        layout::nhwc,        layout::channel_slice,
                                         layout::padded_rows, layout::padded_nhwc, layout::strided_columns,
                                         layout::transposed,  layout::aligned};

inline std::string_view name_of(layout order) {
  constexpr std::string_view names[] = {"nchw",       "nhwc",   "channel_slice", "padded_rows", "padded_nhwc", "strided_columns",
                                        "transposed", "aligned"};
  return names[static_cast<int>(order)];
}

struct extents {
  std::int64_t images, channels, height, width;
  std::int64_t pixels() const { return height * width; }
  std::int64_t size() const { return images * channels * pixels(); }
};

class feature_map {
 public:
  // value(n, c, p) is rounded to the dtype.
  feature_map(const extents& shape, dtype type, layout order, const std::function<double(std::int64_t, std::int64_t, std::int64_t)>& value)
      : shape_(shape) {
    view_.type = type;
    view_.images = shape.images;
    view_.channels = shape.channels;
    view_.height = shape.height;
    view_.width = shape.width;
    const std::int64_t margin = order == layout::aligned ? 16 : 3;  // of padding, in elements, around everything
    const std::int64_t size = lay_out(order) + 2 * margin;
    if (type == dtype::f32)
      floats_.assign(static_cast<std::size_t>(size), std::numeric_limits<float>::quiet_NaN());
    else
      halves_.assign(static_cast<std::size_t>(size), std::uint16_t{0x7fff});  // a NaN in both
    offset_ += margin;
    view_.data = type == dtype::f32 ? static_cast<const void*>(floats_.data() + offset_) : halves_.data() + offset_;
    for (std::int64_t n = 0; n < shape.images; ++n)
      for (std::int64_t c = 0; c < shape.channels; ++c)
        for (std::int64_t p = 0; p < shape.pixels(); ++p) set(n, c, p, value(n, c, p));
  }

  const feature_view& view() const { return view_; }
  const extents& shape() const { return shape_; }
  // Everything behind the view, padding included.
  std::span<const std::byte> storage() const {
    return view_.type == dtype::f32 ? std::as_bytes(std::span(floats_)) : std::as_bytes(std::span(halves_));
  }

  void set(std::int64_t n, std::int64_t c, std::int64_t p, double value) {
    const auto at = static_cast<std::size_t>(offset_ + index(n, c, p));
    const auto narrow = static_cast<float>(value);
    if (view_.type == dtype::f32)
      floats_[at] = narrow;
    else
      halves_[at] = view_.type == dtype::f16 ? float_to_f16(narrow) : float_to_bf16(narrow);
  }
  // As stored, after rounding.
  double at(std::int64_t n, std::int64_t c, std::int64_t p) const {
    const auto at = static_cast<std::size_t>(offset_ + index(n, c, p));
    if (view_.type == dtype::f32) return static_cast<double>(floats_[at]);
    return static_cast<double>(view_.type == dtype::f16 ? f16_to_float(halves_[at]) : bf16_to_float(halves_[at]));
  }

 private:
  std::int64_t index(std::int64_t n, std::int64_t c, std::int64_t p) const {
    return n * view_.image_stride + c * view_.channel_stride + p / view_.width * view_.row_stride + p % view_.width * view_.column_stride;
  }
  // Sets strides and the first element's offset; returns the size of the storage.
  std::int64_t lay_out(layout order) {
    const auto [n, c, h, w] = shape_;
    const auto strides = [this](std::int64_t image, std::int64_t channel, std::int64_t row, std::int64_t column) {
      view_.image_stride = image;
      view_.channel_stride = channel;
      view_.row_stride = row;
      view_.column_stride = column;
      return image * shape_.images;
    };
    switch (order) {
      case layout::nchw:
        return strides(c * h * w, h * w, w, 1);
      case layout::nhwc:
        return strides(c * h * w, 1, w * c, c);
      case layout::channel_slice:  // channels 2 ... of C + 5
        offset_ = 2 * h * w;
        return strides((c + 5) * h * w, h * w, w, 1) + offset_;
      case layout::padded_rows:
        return strides(c * h * (w + 3), h * (w + 3), w + 3, 1);
      case layout::padded_nhwc:  // a slice of channels and columns of a channels-last map
        return strides((c + 3) * h * (w + 2), 1, (w + 2) * (c + 3), c + 3);
      case layout::strided_columns:
        return strides(2 * c * h * w, 2 * h * w, 2 * w, 2);
      case layout::transposed:  // rows and columns exchanged
        return strides(c * h * w, h * w, 1, h);
      case layout::aligned: {  // every channel on a boundary of 16 bytes, padding behind it: what cp.async and wide loads take
        const std::int64_t channel = (h * w + 7) / 8 * 8 + 16;
        return strides(c * channel, channel, w, 1);
      }
    }
    return 0;
  }

  extents shape_;
  feature_view view_;
  std::int64_t offset_ = 0;
  std::vector<float> floats_;
  std::vector<std::uint16_t> halves_;
};

}  // namespace sirfp::test
