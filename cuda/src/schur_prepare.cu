// Computes          of one site: the diagonals of Sigma and M, which the host looks at; Sigma / scale + r, which dense_solver inverts, with
//                   the rows' shares of tr(M Sigma); then P and M at the rows that removals can reach
// Tile              a warp a row, the grid goes round
// Shared/registers  none / docs/performance/registers.md
// Traffic           fill: 12 n^2 bytes (half of two matrices read, half of one written); gather: 16 rows^2
// Accumulates in    fp64
// Order             a row's sum in a fixed order of lanes; rows are added up by the host
// Needs             sm_80
// Measured          not yet measured
#include <cstdint>

#include "device/indices.cuh"
#include "device/launch.cuh"
#include "device/warp.cuh"
#include "schur_kernels.hpp"
#include "schur_tuning.hpp"
#include "state_algebra_plan.hpp"

namespace sirfp {
namespace {

using namespace schur_tuning;

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(prepare_threads)
    schur_fill_kernel(schur_given_site site, double unit, double rest, regularisation added, double* matrix, double* row_totals) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t i = device::grid_thread() / device::warp_size; i < site.n; i += warps) {
    double total = 0;
    for (std::int64_t j = device::lane_index(); j <= i; j += device::warp_size) {
      const std::int64_t at = i * site.n + j;
      const double value = site.covariance[at] / unit / rest;
      total += (j < i ? 2 * value : value) * site.metric[at];
      matrix[at] = j < i ? value : value + added.added(value);
    }
    total = device::warp_butterfly_sum(total);
    if (device::lane_index() == 0) row_totals[i] = total;
  }
}

SIRFP_KERNEL schur_diagonals_kernel(schur_given_site site, double* diagonals) {
  for (std::int64_t i = device::grid_thread(); i < site.n; i += device::grid_threads()) {
    diagonals[i] = site.covariance[i * (site.n + 1)];
    diagonals[site.n + i] = site.metric[i * (site.n + 1)];
  }
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(prepare_threads)
    schur_gather_kernel(schur_given_site site, const double* inverse, const std::int32_t* position, std::int64_t rows, double* precision,
                        double* metric) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t r = device::grid_thread() / device::warp_size; r < rows; r += warps) {
    const std::int64_t i = position[r];
    for (std::int64_t c = device::lane_index(); c <= r; c += device::warp_size) {
      const std::int64_t j = position[c];
      const std::int64_t from = i < j ? j * site.n + i : i * site.n + j;
      precision[r * rows + c] = inverse[from];
      metric[r * rows + c] = site.metric[from];
    }
  }
}

}  // namespace

void launch_schur_diagonals(const device_facts& facts, const schur_given_site& site, double* diagonals, void* stream) {
  device::launch(plan_elementwise("schur_diagonals", site.n, facts), stream, schur_diagonals_kernel, site, diagonals);
}

void launch_schur_fill(const device::launch_shape& shape, const schur_given_site& site, const schur_scale& scale,
                       const regularisation& added, double* matrix, double* row_totals, void* stream) {
  device::launch(shape, stream, schur_fill_kernel, site, scale.unit, scale.rest, added, matrix, row_totals);
}

void launch_schur_gather(const device::launch_shape& shape, const schur_given_site& site, const double* inverse,
                         const std::int32_t* position, std::int64_t rows, double* precision, double* metric, void* stream) {
  device::launch(shape, stream, schur_gather_kernel, site, inverse, position, rows, precision, metric);
}

}  // namespace sirfp
