// The feature-map view: what every kernel reads.
#pragma once

#include <cstdint>

#include "sirfp/dtype.hpp"
#include "sirfp/memory.hpp"

namespace sirfp {

// Non-owning view of a batch of feature maps x[n, c, y, x] with any strides (in elements), so that NCHW, channels-last and token
// layouts are read without a copy. A map without spatial extent has height = width = 1; tokens have height = 1, width = L.
struct feature_view {
  const void* data = nullptr;
  dtype type = dtype::f32;
  memory_space space = memory_space::host;
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t image_stride = 0;
  std::int64_t channel_stride = 0;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 0;

  std::int64_t pixels() const noexcept { return height * width; }

  // Dense [N, C, H, W] and dense [N, H, W, C].
  static feature_view nchw(const void* data, dtype type, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) noexcept {
    return {data, type, memory_space::host, n, c, h, w, c * h * w, h * w, w, 1};
  }
  static feature_view nhwc(const void* data, dtype type, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) noexcept {
    return {data, type, memory_space::host, n, c, h, w, c * h * w, 1, w * c, c};
  }
};

// Non-negative weights w[n, y, x], dense, in the features' memory space; null means 1 everywhere. `image_stride` 0 shares one map.
struct pixel_weights {
  const float* data = nullptr;
  std::int64_t image_stride = 0;
};

}  // namespace sirfp
