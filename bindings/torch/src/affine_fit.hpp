// Least squares: what the cut network still knows, mapped to what the original knew.
#pragma once

#include <ATen/core/Tensor.h>

#include "sirfp/context.hpp"
#include "sirfp/moments.hpp"

namespace sirfp::adapter {

// z -> matrix z + offset, double.
struct affine_map {
  at::Tensor matrix;  // [outputs, n]
  at::Tensor offset;  // [outputs]
};

// The map nearest to y in the mean square, drawn towards z -> start z:
//   matrix = start + (S_yz - start S_zz)(S_zz + lambda mean(diag S_zz) I)^-1,  offset = m_y - matrix m_z
// Computed and left where `ctx` and `start` are, which is where the moments lie.
// `measured`: of z (the first n = start.size(1) channels), then of y. A singular S_zz is regularised until it factorises; where it
// is zero, start stays. Waits for the device.
affine_map fit_sync(const context& ctx, const moments_state& measured, const at::Tensor& start, double lambda);

}  // namespace sirfp::adapter
