// Cholesky factor and inverse of a symmetric matrix, blocked for BLAS and spread over threads. Own code over CBLAS rather than LAPACK: a
// program that holds LibTorch too finds MKL's dpotrf_ under the same name, with MKL's threads.
//
// Matrices are column-major [n x n] without padding; only the lower triangle (the diagonal included) is read and written. Blocks lie on
// a fixed grid, so the result has the same bits for any number of threads. Callers hold a single_threaded_blas.
#pragma once

#include <cstdint>
#include <functional>

#include "also_device.hpp"
#include "sirfp/parallel.hpp"

namespace sirfp {

// A = L L^T in place. False, with A spoilt, when a pivot is not positive. A null executor: on the caller's thread.
bool cholesky(double* matrix, std::int64_t n, executor* threads = nullptr);

// Replaces the factor L by (L L^T)^-1. Takes another n x n matrix of memory while it runs.
void invert_from_cholesky(double* factor, std::int64_t n, executor* threads = nullptr);

// What a diagonal entry of S gets on top: max(common, relative * entry).
struct regularisation {
  double common;
  double relative;
  SIRFP_ALSO_DEVICE double added(double diagonal) const { return common > relative * diagonal ? common : relative * diagonal; }
  // Common = lambda mean(diag S), relative = n eps. The relative part is below the common one unless lambda is near rounding; it keeps the
  // pivots of a singular S above the noise.
  static regularisation first(std::int64_t n, double mean_diagonal, double lambda);
  // Tenfold, for the next attempt when a factor did not exist.
  regularisation grown(double mean_diagonal) const;
};

// Factorises S + diag(r), where `fill` writes the lower triangle of S; r grows until the factor exists, and is returned as used. S must be
// finite with a non-negative diagonal, not all zero.
regularisation regularised_cholesky(double* matrix, std::int64_t n, double mean_diagonal, double lambda,
                                    const std::function<void(double*)>& fill, executor* threads = nullptr);

}  // namespace sirfp
