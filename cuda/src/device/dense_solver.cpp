#include "dense_solver.hpp"

#include <cusolverDn.h>

#include <algorithm>

#include "sirfp/expects.hpp"

namespace sirfp::device {
namespace {

// Row-major lower is column-major upper.
constexpr cublasFillMode_t lower = CUBLAS_FILL_MODE_UPPER;

void check(cusolverStatus_t status, const char* what) {
  if (status != CUSOLVER_STATUS_SUCCESS) throw failure(text("cuSOLVER error ", static_cast<int>(status), " in ", what));
}

cusolverDnHandle_t on_stream(void* handle, void* stream) {
  auto* const solver = static_cast<cusolverDnHandle_t>(handle);
  check(cusolverDnSetStream(solver, static_cast<cudaStream_t>(stream)), "cusolverDnSetStream");
  return solver;
}

// Doubles of the library's own; the reports of the second and third function come behind them, where nobody reads them.
int library_doubles(cusolverDnHandle_t solver, int n) {
  int factor = 0;
  int inverse = 0;
  check(cusolverDnDpotrf_bufferSize(solver, lower, n, nullptr, n, &factor), "cusolverDnDpotrf_bufferSize");
  check(cusolverDnDpotri_bufferSize(solver, lower, n, nullptr, n, &inverse), "cusolverDnDpotri_bufferSize");
  return std::max(factor, inverse);
}

}  // namespace

dense_solver::dense_solver() {
  cusolverDnHandle_t made = nullptr;
  check(cusolverDnCreate(&made), "cusolverDnCreate");
  handle_ = made;
}

dense_solver::~dense_solver() { cusolverDnDestroy(static_cast<cusolverDnHandle_t>(handle_)); }

std::int64_t dense_solver::workspace_doubles(std::int64_t n) const {
  return std::int64_t{library_doubles(static_cast<cusolverDnHandle_t>(handle_), static_cast<int>(n))} + 1;
}

void dense_solver::cholesky(double* matrix, std::int64_t n, double* workspace, std::int32_t* failed, void* stream) const {
  auto* const solver = on_stream(handle_, stream);
  const int rows = static_cast<int>(n);
  check(cusolverDnDpotrf(solver, lower, rows, matrix, rows, workspace, library_doubles(solver, rows), failed), "cusolverDnDpotrf");
}

void dense_solver::invert_from_cholesky(double* factor, std::int64_t n, double* workspace, void* stream) const {
  auto* const solver = on_stream(handle_, stream);
  const int rows = static_cast<int>(n);
  const int doubles = library_doubles(solver, rows);
  check(cusolverDnDpotri(solver, lower, rows, factor, rows, workspace, doubles, reinterpret_cast<int*>(workspace + doubles)),
        "cusolverDnDpotri");
}

void dense_solver::solve_from_cholesky(const double* factor, std::int64_t n, double* rows, std::int64_t count, double* workspace,
                                       void* stream) const {
  auto* const solver = on_stream(handle_, stream);
  const int side = static_cast<int>(n);
  auto* const report = reinterpret_cast<int*>(workspace + library_doubles(solver, side));
  check(cusolverDnDpotrs(solver, lower, side, static_cast<int>(count), factor, side, rows, side, report), "cusolverDnDpotrs");
}

}  // namespace sirfp::device
