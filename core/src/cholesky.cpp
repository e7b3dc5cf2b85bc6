#include "cholesky.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "parts.hpp"

namespace sirfp {
namespace {

constexpr std::int64_t panel = 96;   // columns factorised before the rest is updated; 64 and 128 are within 5% at n = 2048
constexpr std::int64_t block = 192;  // columns of one thread's task

void for_blocks(executor* threads, std::int64_t begin, std::int64_t end, const std::function<void(std::int64_t, std::int64_t)>& body) {
  const std::int64_t count = parts(end - begin, block);
  const auto one = [&](std::int64_t b) { body(begin + b * block, std::min(end, begin + (b + 1) * block)); };
  if (threads != nullptr && count > 1) return threads->parallel_for(count, one);
  for (std::int64_t b = 0; b < count; ++b) one(b);
}

blasint narrow(std::int64_t value) { return static_cast<blasint>(value); }

// The diagonal block that starts at column `first`, column by column.
bool factor_diagonal(double* matrix, std::int64_t n, std::int64_t first, std::int64_t last) {
  for (std::int64_t j = first; j < last; ++j) {
    double* column = matrix + j * n;
    for (std::int64_t k = first; k < j; ++k) {
      const double* earlier = matrix + k * n;
      const double factor = earlier[j];
      for (std::int64_t i = j; i < last; ++i) column[i] -= factor * earlier[i];
    }
    if (!(column[j] > 0)) return false;
    const double pivot = std::sqrt(column[j]);
    for (std::int64_t i = j; i < last; ++i) column[i] /= pivot;
    column[j] = pivot;
  }
  return true;
}

}  // namespace

bool cholesky(double* matrix, std::int64_t n, executor* threads) {
  for (std::int64_t first = 0; first < n; first += panel) {
    const std::int64_t last = std::min(n, first + panel);
    const std::int64_t width = last - first;
    if (!factor_diagonal(matrix, n, first, last)) return false;
    double* below = matrix + first * n;
    for_blocks(threads, last, n, [&](std::int64_t row, std::int64_t row_end) {
      cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, narrow(row_end - row), narrow(width), 1, below + first,
                  narrow(n), below + row, narrow(n));
    });
    for_blocks(threads, last, n, [&](std::int64_t column, std::int64_t column_end) {
      cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, narrow(column_end - column), narrow(width), -1, below + column, narrow(n), 1,
                  matrix + column * n + column, narrow(n));
      if (column_end < n)
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, narrow(n - column_end), narrow(column_end - column), narrow(width), -1,
                    below + column_end, narrow(n), below + column, narrow(n), 1, matrix + column * n + column_end, narrow(n));
    });
  }
  return true;
}

void invert_from_cholesky(double* factor, std::int64_t n, executor* threads) {
  std::vector<double> inverse(static_cast<std::size_t>(n * n), 0.0);  // L^-1, lower triangle
  for_blocks(threads, 0, n, [&](std::int64_t column, std::int64_t column_end) {
    for (std::int64_t j = column; j < column_end; ++j) inverse[static_cast<std::size_t>(j * n + j)] = 1;
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, narrow(n - column), narrow(column_end - column), 1,
                factor + column * n + column, narrow(n), inverse.data() + column * n + column, narrow(n));
  });
  for_blocks(threads, 0, n, [&](std::int64_t column, std::int64_t column_end) {
    for (std::int64_t row = column; row < n; row += block) {
      const std::int64_t row_end = std::min(n, row + block);
      cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, narrow(row_end - row), narrow(column_end - column), narrow(n - row), 1,
                  inverse.data() + row * n + row, narrow(n), inverse.data() + column * n + row, narrow(n), 0, factor + column * n + row,
                  narrow(n));
    }
  });
}

regularisation regularisation::first(std::int64_t n, double mean_diagonal, double lambda) {
  return {lambda * mean_diagonal, static_cast<double>(n) * std::numeric_limits<double>::epsilon()};
}

regularisation regularisation::grown(double mean_diagonal) const {
  return {std::max(10 * common, std::numeric_limits<double>::epsilon() * mean_diagonal), 10 * relative};
}

regularisation regularised_cholesky(double* matrix, std::int64_t n, double mean_diagonal, double lambda,
                                    const std::function<void(double*)>& fill, executor* threads) {
  regularisation used = regularisation::first(n, mean_diagonal, lambda);
  for (;;) {
    fill(matrix);
    for (std::int64_t i = 0; i < n; ++i) matrix[i * n + i] += used.added(matrix[i * n + i]);
    if (cholesky(matrix, n, threads)) return used;
    used = used.grown(mean_diagonal);
  }
}

}  // namespace sirfp
