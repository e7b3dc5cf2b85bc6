// The power of two that a site's covariance is divided by, to a mean variance near 1: variances may be denormal or huge.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "sirfp/schur_elimination.hpp"

namespace sirfp {

struct schur_scale {
  double unit = 1;  // the power is unit * rest, which may be no double itself
  double rest = 1;
  double mean_diagonal = 0;  // after the division; 0: the covariance is zero and nothing costs anything
};

inline schur_scale scale_of(std::span<const double> variances) {
  const auto n = static_cast<double>(variances.size());
  double mean = 0;
  for (const double variance : variances) mean += variance / n;
  if (!(mean > 0)) return {};
  int exponent = 0;
  std::frexp(mean, &exponent);
  schur_scale scale{std::ldexp(1.0, exponent / 2), std::ldexp(1.0, exponent - exponent / 2)};
  for (const double variance : variances) scale.mean_diagonal += variance / scale.unit / scale.rest / n;
  return scale;
}

// Of a site on the host.
inline std::vector<double> variances_of(const schur_site& site) {
  std::vector<double> found;
  for (std::int64_t i = 0; i < site.positions; ++i) found.push_back(site.covariance[i * site.positions + i]);
  return found;
}

}  // namespace sirfp
