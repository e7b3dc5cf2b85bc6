// One element of a feature map, widened: the slow and certain way to read any view.
#pragma once

#include <cstdint>

#include "sirfp/features.hpp"

namespace sirfp {

inline double element(const feature_view& features, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) noexcept {
  const std::int64_t at = n * features.image_stride + c * features.channel_stride + y * features.row_stride + x * features.column_stride;
  if (features.type == dtype::f32) return static_cast<double>(static_cast<const float*>(features.data)[at]);
  const std::uint16_t bits = static_cast<const std::uint16_t*>(features.data)[at];
  return static_cast<double>(features.type == dtype::f16 ? f16_to_float(bits) : bf16_to_float(bits));
}

// Pixels counted row by row.
inline double element(const feature_view& features, std::int64_t n, std::int64_t c, std::int64_t pixel) noexcept {
  return element(features, n, c, pixel / features.width, pixel % features.width);
}

inline double weight_of(const pixel_weights& weights, std::int64_t n, std::int64_t pixel) noexcept {
  return weights.data == nullptr ? 1.0 : static_cast<double>(weights.data[n * weights.image_stride + pixel]);
}

}  // namespace sirfp
