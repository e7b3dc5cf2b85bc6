// Computes: the greedy elimination of METHOD 3, degrees in int64 fixed point, one column subtracted a step.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../redundancy_defect.hpp"
#include "../redundancy_scale.hpp"
#include "reference_backend.hpp"

namespace sirfp {
namespace {

elimination eliminate_one(const redundancy_matrix& matrix) {
  const std::int64_t channels = matrix.channels;
  double largest = 0;
  for (std::int64_t i = 0; i < channels; ++i)
    for (std::int64_t j = 0; j < channels; ++j) largest = std::max(largest, redundancy_magnitude(matrix, i, j));
  const int shift = redundancy_shift(largest, channels);
  const auto entry = [&](std::int64_t i, std::int64_t j) {
    return static_cast<std::int64_t>(std::llrint(std::ldexp(redundancy_magnitude(matrix, i, j), shift)));
  };
  const auto value = [&](std::int64_t fixed) { return std::ldexp(static_cast<double>(fixed), -shift); };

  std::vector<std::int64_t> degree(static_cast<std::size_t>(channels), 0);
  for (std::int64_t i = 0; i < channels; ++i)
    for (std::int64_t j = 0; j < channels; ++j) degree[static_cast<std::size_t>(i)] += entry(i, j);
  std::int64_t left = 0;
  for (const std::int64_t d : degree) left += d;

  elimination result;
  result.curve.push_back(value(left));
  for (std::int64_t t = 0; t < channels; ++t) {
    constexpr std::int64_t removed = -1;
    const auto worst = std::max_element(degree.begin(), degree.end());  // the first of equals
    const std::int64_t v = worst - degree.begin();
    left -= 2 * *worst - entry(v, v);
    result.order.push_back(static_cast<std::int32_t>(v));
    result.marginals.push_back(value(*worst));
    result.curve.push_back(value(left));
    *worst = removed;
    for (std::int64_t i = 0; i < channels; ++i)
      if (degree[static_cast<std::size_t>(i)] != removed) degree[static_cast<std::size_t>(i)] -= entry(v, i);
  }
  return result;
}

}  // namespace

void reference_backend::eliminate(const context&, std::span<const redundancy_matrix> matrices, std::span<elimination> results) const {
  for (std::size_t m = 0; m < matrices.size(); ++m) expect_redundancy(matrices[m], static_cast<std::int64_t>(m));
  for (std::size_t m = 0; m < matrices.size(); ++m) results[m] = eliminate_one(matrices[m]);
}

}  // namespace sirfp
