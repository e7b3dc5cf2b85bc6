// What happens to a packed panel before it is multiplied, while it is in the first cache: pixel weights, centring, and the sums over pixels
// that the epilogue needs. All sums are fp32 over at most 128 pixels, then fp64; each adds to its 16 totals.
#pragma once

#include <cstdint>

#include "simd.hpp"

namespace sirfp {

struct dress_kernels {
  // magnitude += sum_p |x|
  void (*measure)(const float* packed, std::int64_t pixels, double* magnitude);
  // x <- s x with s = sqrt(w);  weighted += sum_p w |x|,  magnitude += sum_p |s x|
  void (*weigh)(float* packed, const float* roots, std::int64_t pixels, double* weighted, double* magnitude);
  // sum += sum_p w x; null weights are 1
  void (*sum)(const float* packed, const float* weights, std::int64_t pixels, double* sum);
  // x <- s (x - shift);  residual += sum_p w (x - shift),  magnitude += sum_p |s (x - shift)|; null roots are 1
  void (*centre)(float* packed, const float* shift, const float* roots, std::int64_t pixels, double* residual, double* magnitude);
};

const dress_kernels& dress_kernels_for(simd_level level) noexcept;

}  // namespace sirfp
