// Computes          square_ij += sum_(p in row i) sum_(q in row j) |R_pq|, scaled, for j <= i, and its mirror image
// Tile              a warp a row; the grid goes round
// Shared/registers  none / docs/performance/registers.md
// Traffic           the packed triangle once where a channel stands at one position; the square read and written once, its upper triangle
//                   not in whole sectors
// Accumulates in    fp64
// Order             positions ascending, as on the host, each operation rounded by itself: the same bits
// Needs             sm_80
// Measured          not yet measured
#include "device/indices.cuh"
#include "device/launch.cuh"
#include "device/numbers.cuh"
#include "device/warp.cuh"
#include "redundancy_sum_kernels.hpp"
#include "state_algebra_plan.hpp"

namespace sirfp {
namespace {

SIRFP_KERNEL redundancy_sum_kernel(redundancy_entry layer, const std::int32_t* begin, const std::int32_t* channels, std::int64_t rows,
                                   double* square) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t i = device::grid_thread() / device::warp_size; i < rows; i += warps)
    for (std::int64_t j = device::lane_index(); j <= i; j += device::warp_size) {
      double sum = square[i * rows + j];
      for (std::int32_t p = begin[i]; p < begin[i + 1]; ++p)
        for (std::int32_t q = begin[j]; q < begin[j + 1]; ++q) sum = device::add_rounded(sum, layer.of(channels[p], channels[q]));
      square[i * rows + j] = square[j * rows + i] = sum;
    }
}

}  // namespace

void launch_redundancy_sum(const device_facts& facts, const redundancy_entry& layer, const std::int32_t* begin,
                           const std::int32_t* channels, std::int64_t rows, double* square, void* stream) {
  device::launch(plan_elementwise("redundancy_sum", rows * device::warp_size, facts), stream, redundancy_sum_kernel, layer, begin, channels,
                 rows, square);
}

}  // namespace sirfp
