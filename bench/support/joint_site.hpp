// What the joint elimination is measured on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "sirfp/schur_elimination.hpp"

namespace sirfp::bench {

// One site of as many positions as channels, in a band of correlated neighbours: positive definite, and cheap to make.
struct joint_site {
  std::int64_t n;
  std::vector<double> covariance, metric;
  std::vector<std::int32_t> channel;

  explicit joint_site(std::int64_t positions, std::uint64_t seed = 1)
      : n(positions), covariance(gram(2 * seed - 1)), metric(gram(2 * seed)), channel(static_cast<std::size_t>(positions)) {
    std::iota(channel.begin(), channel.end(), 0);
  }
  std::vector<double> gram(std::uint64_t seed) const {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    constexpr std::int64_t width = 24;
    std::vector<double> rows(static_cast<std::size_t>(n * width)), made(static_cast<std::size_t>(n * n), 0.0);
    for (double& value : rows) value = normal(random);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = std::max<std::int64_t>(0, i - width + 1); j <= i; ++j) {
        double sum = 0;
        for (std::int64_t k = i - j; k < width; ++k)
          sum += rows[static_cast<std::size_t>(i * width + k - (i - j))] * rows[static_cast<std::size_t>(j * width + k)];
        made[static_cast<std::size_t>(i * n + j)] = made[static_cast<std::size_t>(j * n + i)] = sum;
      }
    return made;
  }
  schur_site view() const { return {n, covariance.data(), metric.data(), channel}; }
};

}  // namespace sirfp::bench
