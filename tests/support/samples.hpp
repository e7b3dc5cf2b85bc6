// Samples of a site's channels, and their mean and covariance, by plain loops.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "sirfp/moments.hpp"
#include "sirfp/packed.hpp"

namespace sirfp::test {

struct samples {
  std::int64_t channels;
  std::int64_t count;
  std::vector<double> value;  // [count x channels]
  double& at(std::int64_t sample, std::int64_t channel) { return value[static_cast<std::size_t>(sample * channels + channel)]; }
  double at(std::int64_t sample, std::int64_t channel) const { return value[static_cast<std::size_t>(sample * channels + channel)]; }
};

// Correlated channels with means: each is a random mixture of `sources` normal ones (fewer than channels: a singular covariance).
inline samples mixed_samples(std::uint64_t seed, std::int64_t channels, std::int64_t sources, std::int64_t count) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> mixture(static_cast<std::size_t>(channels * sources));
  for (double& weight : mixture) weight = normal(random);
  samples made{channels, count, std::vector<double>(static_cast<std::size_t>(channels * count))};
  std::vector<double> source(static_cast<std::size_t>(sources));
  for (std::int64_t s = 0; s < count; ++s) {
    for (double& value : source) value = normal(random);
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = 1 + 0.1 * static_cast<double>(c);
      for (std::int64_t k = 0; k < sources; ++k)
        sum += mixture[static_cast<std::size_t>(c * sources + k)] * source[static_cast<std::size_t>(k)];
      made.at(s, c) = sum;
    }
  }
  return made;
}

inline moments moments_of(const samples& of) {
  const std::int64_t n = of.channels;
  const auto count = static_cast<double>(of.count);
  moments found{n, count, std::vector<double>(static_cast<std::size_t>(n)), std::vector<double>(static_cast<std::size_t>(packed_size(n)))};
  for (std::int64_t c = 0; c < n; ++c)
    for (std::int64_t s = 0; s < of.count; ++s) found.mean[static_cast<std::size_t>(c)] += of.at(s, c) / count;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j)
      for (std::int64_t s = 0; s < of.count; ++s)
        found.covariance[static_cast<std::size_t>(packed_index(i, j))] +=
            (of.at(s, i) - found.mean[static_cast<std::size_t>(i)]) * (of.at(s, j) - found.mean[static_cast<std::size_t>(j)]) / count;
  return found;
}

// As if one image had been counted where `ctx` computes.
inline moments_state state_of(const context& ctx, const moments& site) {
  std::vector<double> scatter = site.covariance;
  for (double& value : scatter) value *= site.weight;
  return {site.channels, 1, site.weight, buffer::from_host(ctx.memory, site.mean), buffer::from_host(ctx.memory, scatter)};
}

}  // namespace sirfp::test
