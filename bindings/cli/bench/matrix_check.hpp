// How far a matrix over the channels of a map is from the same in fp64.
#pragma once

#include "noise_map.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp::cli {

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
