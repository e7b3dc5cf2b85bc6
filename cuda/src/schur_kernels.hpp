// The launches of schur_prepare.cu and schur_elimination.cu, for the host code in schur_elimination.cpp. Everything is in device memory.
#pragma once

#include "cholesky.hpp"
#include "device/launch.hpp"
#include "schur_job.hpp"
#include "schur_scale.hpp"
#include "sirfp/device_facts.hpp"

namespace sirfp {

// One site as it was given: Sigma and M, [n x n] row-major, of which the lower triangles are read.
struct schur_given_site {
  const double* covariance;
  const double* metric;
  std::int64_t n;
};

// diagonals = those of Sigma and of M, [2 x n].
void launch_schur_diagonals(const device_facts& facts, const schur_given_site& site, double* diagonals, void* stream);
// matrix = Sigma / scale, regularised: the lower triangle; row_totals[i] = row i's share of tr(M Sigma) / scale.
void launch_schur_fill(const device::launch_shape& shape, const schur_given_site& site, const schur_scale& scale,
                       const regularisation& added, double* matrix, double* row_totals, void* stream);
// P and M at the rows that a removal can reach, lower triangles [rows x rows]: of `inverse` [n x n] and of the site's metric.
void launch_schur_gather(const device::launch_shape& shape, const schur_given_site& site, const double* inverse,
                         const std::int32_t* position, std::int64_t rows, double* precision, double* metric, void* stream);

// `panels` zero before.
void launch_schur_elimination(const device::launch_shape& shape, const schur_job& job, void* stream);

}  // namespace sirfp
