// Solves a small dense system by Gaussian elimination with pivoting, in long double: the independent way for tests.
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace sirfp::test {

using dense = std::vector<std::vector<long double>>;

// matrix X = right, both by rows; returns X.
inline dense dense_solve(dense matrix, dense right) {
  const std::size_t n = matrix.size();
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i)
      if (std::fabs(matrix[i][k]) > std::fabs(matrix[pivot][k])) pivot = i;
    std::swap(matrix[k], matrix[pivot]);
    std::swap(right[k], right[pivot]);
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const long double factor = matrix[i][k] / matrix[k][k];
      for (std::size_t j = k; j < n; ++j) matrix[i][j] -= factor * matrix[k][j];
      for (std::size_t j = 0; j < right[i].size(); ++j) right[i][j] -= factor * right[k][j];
    }
  }
  for (std::size_t i = 0; i < n; ++i)
    for (long double& value : right[i]) value /= matrix[i][i];
  return right;
}

}  // namespace sirfp::test
