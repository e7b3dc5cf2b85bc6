// One element of a feature map on the device, any strides, widened to float.
#pragma once

#include <cstdint>

#include "device/numbers.cuh"
#include "sirfp/features.hpp"

namespace sirfp {

template <class Element>
struct feature_reader {
  const Element* data;
  std::int64_t image_stride, channel_stride, row_stride, column_stride;
  std::int64_t height, width;

  SIRFP_DEVICE float at(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) const {
    return device::to_float(data[n * image_stride + c * channel_stride + y * row_stride + x * column_stride]);
  }
  SIRFP_DEVICE float at(std::int64_t n, std::int64_t c, std::int64_t pixel) const {
    return height == 1 ? at(n, c, 0, pixel) : at(n, c, pixel / width, pixel % width);  // a division costs more than the rest
  }
};

template <class Element>
feature_reader<Element> reader_of(const feature_view& features) {
  return {static_cast<const Element*>(features.data),
          features.image_stride,
          features.channel_stride,
          features.row_stride,
          features.column_stride,
          features.height,
          features.width};
}

// Calls use(reader) with the reader of the view's element type.
template <class Use>
void with_reader(const feature_view& features, const Use& use) {
  switch (features.type) {
    case dtype::f32:
      return use(reader_of<float>(features));
    case dtype::f16:
      return use(reader_of<device::f16>(features));
    case dtype::bf16:
      return use(reader_of<device::bf16>(features));
  }
}

}  // namespace sirfp
