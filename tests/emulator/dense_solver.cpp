// cuda/src/device/dense_solver.hpp on the host, by core's own factorisation (column-major, as BLAS has it).
#include "device/dense_solver.hpp"

#include <algorithm>
#include <vector>

#include "blas_threads.hpp"
#include "cholesky.hpp"

namespace sirfp::device {
namespace {

std::vector<double> transposed(const double* matrix, std::int64_t n) {
  std::vector<double> other(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) other[static_cast<std::size_t>(j * n + i)] = i >= j ? matrix[i * n + j] : 0;
  return other;
}

void take_lower(const std::vector<double>& from, double* matrix, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) matrix[i * n + j] = from[static_cast<std::size_t>(j * n + i)];
}

}  // namespace

dense_solver::dense_solver() = default;
dense_solver::~dense_solver() = default;
std::int64_t dense_solver::workspace_doubles(std::int64_t) const { return 1; }

void dense_solver::cholesky(double* matrix, std::int64_t n, double*, std::int32_t* failed, void*) const {
  const single_threaded_blas guard;
  std::vector<double> work = transposed(matrix, n);
  *failed = sirfp::cholesky(work.data(), n) ? 0 : 1;
  take_lower(work, matrix, n);
}

void dense_solver::invert_from_cholesky(double* factor, std::int64_t n, double*, void*) const {
  const single_threaded_blas guard;
  std::vector<double> work = transposed(factor, n);
  sirfp::invert_from_cholesky(work.data(), n);
  take_lower(work, factor, n);
}

void dense_solver::solve_from_cholesky(const double* factor, std::int64_t n, double* rows, std::int64_t count, double*, void*) const {
  for (double* x = rows; x != rows + count * n; x += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t k = 0; k < i; ++k) x[i] -= factor[i * n + k] * x[k];
      x[i] /= factor[i * n + i];
    }
    for (std::int64_t i = n; i-- > 0;) {
      for (std::int64_t k = i + 1; k < n; ++k) x[i] -= factor[k * n + i] * x[k];
      x[i] /= factor[i * n + i];
    }
  }
}

}  // namespace sirfp::device
