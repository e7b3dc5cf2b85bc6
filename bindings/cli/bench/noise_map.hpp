// Maps of noise to measure with, and how far a matrix over their channels is from fp64.
#pragma once

#include <ATen/core/Tensor.h>

#include "shapes.hpp"
#include "sirfp/features.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp::cli {

// Normal noise, the same for the same seed of ATen's generator.
struct noise_map {
  noise_map(const layer_shape& shape, dtype type, at::Device device);
  noise_map(std::int64_t channel_axis, at::Tensor given) : axis(channel_axis), tensor(std::move(given)) {}
  feature_view view() const;
  std::int64_t axis;
  at::Tensor tensor;
};

// The state's matrix, square, in fp64 on the host.
at::Tensor matrix_of(const similarity_state& state);
at::Tensor matrix_of(const moments_state& state);

// Looks at evenly spaced channels, so few that fp64 is done with them in a second. `formula` is the matrix of [C, P].
class matrix_check {
 public:
  matrix_check(const noise_map& map, at::Tensor (*formula)(const at::Tensor&));
  // max |got - exact| / sqrt(exact_ii exact_jj), METHOD 8. Of a map of one pixel the covariance is 0, and the error absolute.
  double worst_error(const at::Tensor& got) const;

 private:
  at::Tensor channels_;
  at::Tensor exact_;
};

}  // namespace sirfp::cli
