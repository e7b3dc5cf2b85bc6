// Cholesky factor and inverse of symmetric matrices in device memory. One declaration, two definitions: dense_solver.cpp beside this file
// by cuSOLVER, tests/emulator/dense_solver.cpp on the host.
#pragma once

#include <cstdint>

namespace sirfp::device {

// Matrices are row-major [n x n] without padding; only the lower triangle is read, and has the result. Nothing waits. Dear to make
// (milliseconds), cheap to keep; one thread at a time.
class dense_solver {
 public:
  dense_solver();
  ~dense_solver();
  dense_solver(const dense_solver&) = delete;
  dense_solver& operator=(const dense_solver&) = delete;

  static constexpr std::int64_t most_rows = 32768;

  // What the functions below want as workspace for a matrix of n rows, in device memory.
  std::int64_t workspace_doubles(std::int64_t n) const;
  // S = L L^T in place. *failed (on the device) becomes 0, or positive, with S spoilt, where a pivot is not positive.
  void cholesky(double* matrix, std::int64_t n, double* workspace, std::int32_t* failed, void* stream) const;
  // L becomes (L L^T)^-1. Of a spoilt L something without meaning, and without harm.
  void invert_from_cholesky(double* factor, std::int64_t n, double* workspace, void* stream) const;
  // Each of the `count` rows x of rows [count x n] becomes (L L^T)^-1 x. Likewise.
  void solve_from_cholesky(const double* factor, std::int64_t n, double* rows, std::int64_t count, double* workspace, void* stream) const;

 private:
  void* handle_ = nullptr;
};

}  // namespace sirfp::device
