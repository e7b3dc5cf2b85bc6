// A symmetric matrix to eliminate, with a view that eliminate() takes, and the ways of filling one that tests want.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "sirfp/elimination.hpp"

namespace sirfp::test {

template <class T>
struct symmetric_matrix {
  std::int64_t channels;
  std::int64_t stride;
  std::vector<T> values;  // the padding behind each row holds NaN, which nobody may read

  explicit symmetric_matrix(std::int64_t c, std::int64_t padding = 0)
      : channels(c), stride(c + padding), values(static_cast<std::size_t>(c * (c + padding)), std::numeric_limits<T>::quiet_NaN()) {}
  T& at(std::int64_t i, std::int64_t j) { return values[static_cast<std::size_t>(i * stride + j)]; }
  T at(std::int64_t i, std::int64_t j) const { return values[static_cast<std::size_t>(i * stride + j)]; }
  void set(std::int64_t i, std::int64_t j, T value) { at(i, j) = at(j, i) = value; }
  sirfp::redundancy_matrix view() const { return {values.data(), sizeof(T) == sizeof(double), channels, stride}; }
};

// entry(i, j), j <= i, decides each pair.
template <class T, class Entry>
symmetric_matrix<T> make_symmetric(std::int64_t channels, std::int64_t padding, Entry&& entry) {
  symmetric_matrix<T> made(channels, padding);
  for (std::int64_t i = 0; i < channels; ++i)
    for (std::int64_t j = 0; j <= i; ++j) made.set(i, j, static_cast<T>(entry(i, j)));
  return made;
}

enum class filling : int { signed_uniform, few_levels, all_equal, duplicates, zeros_among, heavy_off_diagonal, all_zero };
constexpr int fillings = 7;

// Few levels, duplicates, zeros and equal entries make ties at almost every step.
template <class T>
symmetric_matrix<T> random_symmetric(std::uint64_t seed, std::int64_t channels, filling how, std::int64_t padding = 0) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::uniform_int_distribution<int> level(0, 3);
  std::vector<double> line(static_cast<std::size_t>(channels));
  for (double& value : line) value = how == filling::duplicates ? level(random) : (level(random) == 0 ? 0.0 : uniform(random));
  const auto side = [&](std::int64_t i) { return line[static_cast<std::size_t>(i)]; };
  return make_symmetric<T>(channels, padding, [&](std::int64_t i, std::int64_t j) -> double {
    switch (how) {
      case filling::signed_uniform:
        return uniform(random);
      case filling::few_levels:
        return 0.25 * level(random);
      case filling::all_equal:
        return 0.7;
      case filling::duplicates:
        return side(i) * side(j) / 3.0;
      case filling::zeros_among:
        return side(i) * side(j);
      case filling::heavy_off_diagonal:
        return i == j ? 0.001 : 100 * uniform(random);
      case filling::all_zero:
        return 0;
    }
    return 0;
  });
}

}  // namespace sirfp::test
