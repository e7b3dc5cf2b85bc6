// Maps of noise to measure with.
#pragma once

#include <ATen/core/Tensor.h>

#include "shapes.hpp"
#include "sirfp/features.hpp"

namespace sirfp::cli {

// Normal noise, the same for the same seed of ATen's generator.
struct noise_map {
  noise_map(const layer_shape& shape, dtype type, at::Device device);
  noise_map(std::int64_t channel_axis, at::Tensor given) : axis(channel_axis), tensor(std::move(given)) {}
  feature_view view() const;
  std::int64_t axis;
  at::Tensor tensor;
};

}  // namespace sirfp::cli
