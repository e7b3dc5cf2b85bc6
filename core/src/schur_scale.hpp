// The power of two that a site's covariance is divided by, to a mean variance near 1: variances may be denormal or huge.
#pragma once

#include <cmath>
#include <cstdint>

#include "sirfp/schur_elimination.hpp"

namespace sirfp {

struct schur_scale {
  double unit = 1;  // the power is unit * rest, which may be no double itself
  double rest = 1;
  double mean_diagonal = 0;  // after the division; 0: the covariance is zero and nothing costs anything
};

inline schur_scale scale_of(const schur_site& site) {
  const auto n = static_cast<double>(site.positions);
  const auto variance = [&](std::int64_t i) { return site.covariance[i * site.positions + i]; };
  double mean = 0;
  for (std::int64_t i = 0; i < site.positions; ++i) mean += variance(i) / n;
  if (!(mean > 0)) return {};
  int exponent = 0;
  std::frexp(mean, &exponent);
  schur_scale scale{std::ldexp(1.0, exponent / 2), std::ldexp(1.0, exponent - exponent / 2)};
  for (std::int64_t i = 0; i < site.positions; ++i) scale.mean_diagonal += variance(i) / scale.unit / scale.rest / n;
  return scale;
}

}  // namespace sirfp
