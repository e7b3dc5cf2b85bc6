// The fixed point that every backend's degrees are kept in (METHOD 3).
#pragma once

#include <cmath>
#include <cstdint>

namespace sirfp {

// 40 - e, e the least integer with channels * largest <= 2^e: entries are rounded to multiples of 2^-shift, so that a row of them sums to
// at most about 2^40. The scale depends on no sum, hence on no order of summation. 0 for a zero matrix.
inline int redundancy_shift(double largest, std::int64_t channels) {
  if (largest == 0 || channels == 0) return 0;
  int largest_exponent = 0;
  int channels_exponent = 0;
  const double a = std::frexp(largest, &largest_exponent);
  const double b = std::frexp(static_cast<double>(channels), &channels_exponent);
  // a b lies in [1/4, 1) and is 1/2 only as a product of powers of two, never; one rounding cannot change the sign of a b - 1/2, while a b
  // itself could round down onto 1/2.
  const int halvings = a == 0.5 && b == 0.5 ? 2 : (std::fma(a, b, -0.5) < 0 ? 1 : 0);
  return 40 - (largest_exponent + channels_exponent - halvings);
}

}  // namespace sirfp
