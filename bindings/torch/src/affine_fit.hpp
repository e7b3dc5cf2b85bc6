// Least squares: what the cut network still knows, mapped to what the original knew.
#pragma once

#include <ATen/core/Tensor.h>

#include "sirfp/moments.hpp"

namespace sirfp::adapter {

// z -> matrix z + offset, double.
struct affine_map {
  at::Tensor matrix;  // [outputs, n]
  at::Tensor offset;  // [outputs]
};

// The map nearest to y in the mean square, drawn towards z -> start z:
//   matrix = start + (S_yz - start S_zz)(S_zz + lambda mean(diag S_zz) I)^-1,  offset = m_y - matrix m_z
// Computed on `device`; what is returned lies on the host.
// `measured`: moments of z (the first n = start.size(1) channels), then of y. A singular S_zz is regularised until it factorises; where it
// is zero, start stays.
affine_map fit(const moments& measured, const at::Tensor& start, double lambda, c10::Device device = c10::kCPU);

}  // namespace sirfp::adapter
