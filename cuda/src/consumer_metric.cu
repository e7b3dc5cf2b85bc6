// Computes          a site's covariance as a full square; of a consumer's weight the rows whose products are its metric, tr(G Sigma), and
//                   the metric's sum
// Tile              a warp a row, or a thread an element; the grid goes round
// Shared/registers  none / docs/performance/registers.md
// Traffic           every operand read once, every result written once; not in whole sectors where the upper triangle is written, nor where
//                   a weight has several taps
// Accumulates in    fp64
// Order             a row's sum in a fixed order of lanes, rows too
// Needs             sm_80
// Measured          not yet measured
#include "consumer_metric_kernels.hpp"
#include "device/indices.cuh"
#include "device/launch.cuh"
#include "device/numbers.cuh"
#include "device/warp.cuh"
#include "state_algebra_plan.hpp"

namespace sirfp {
namespace {

SIRFP_KERNEL covariance_kernel(const double* packed, std::int64_t n, double scale, double* square) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t i = device::grid_thread() / device::warp_size; i < n; i += warps)
    for (std::int64_t j = device::lane_index(); j <= i; j += device::warp_size)
      square[i * n + j] = square[j * n + i] = device::multiply_rounded(packed[i * (i + 1) / 2 + j], scale);
}

SIRFP_KERNEL metric_rows_kernel(const double* weight, const double* scale, std::int64_t outputs, std::int64_t inputs, std::int64_t taps,
                                double* rows) {
  for (std::int64_t e = device::grid_thread(); e < outputs * inputs * taps; e += device::grid_threads()) {
    const std::int64_t o = e / (inputs * taps);
    const std::int64_t i = e / taps % inputs;
    const std::int64_t t = e % taps;
    rows[(o * taps + t) * inputs + i] = scale == nullptr ? weight[e] : device::multiply_rounded(scale[o], weight[e]);
  }
}

SIRFP_KERNEL metric_row_sums_kernel(const double* gram, const double* covariance, std::int64_t n, double* row_sums) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t i = device::grid_thread() / device::warp_size; i < n; i += warps) {
    double sum = 0;
    for (std::int64_t j = device::lane_index(); j <= i; j += device::warp_size)
      sum += (j < i ? 2 : 1) * gram[i * n + j] * covariance[i * n + j];
    sum = device::warp_butterfly_sum(sum);
    if (device::lane_index() == 0) row_sums[i] = sum;
  }
}

// One warp.
SIRFP_KERNEL metric_denominator_kernel(const double* row_sums, std::int64_t n, double* denominator) {
  double sum = 0;
  for (std::int64_t i = device::lane_index(); i < n; i += device::warp_size) sum += row_sums[i];
  sum = device::warp_butterfly_sum(sum);
  if (device::lane_index() == 0) *denominator = sum;
}

SIRFP_KERNEL metric_add_kernel(const double* gram, const double* denominator, std::int64_t n, double* metric) {
  const double divisor = denominator == nullptr ? 1 : *denominator;
  constexpr double largest = 1.7976931348623157e308;
  if (!(divisor > 0 && 1 / divisor <= largest)) return;
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t i = device::grid_thread() / device::warp_size; i < n; i += warps)
    for (std::int64_t j = device::lane_index(); j <= i; j += device::warp_size) {
      const double value = gram[i * n + j] / divisor;
      metric[i * n + j] += value;
      if (j < i) metric[j * n + i] += value;
    }
}

}  // namespace

void launch_covariance(const device_facts& facts, const double* packed, std::int64_t n, double scale, double* square, void* stream) {
  device::launch(plan_elementwise("covariance", n * device::warp_size, facts), stream, covariance_kernel, packed, n, scale, square);
}

void launch_metric_rows(const device_facts& facts, const double* weight, const double* scale, std::int64_t outputs, std::int64_t inputs,
                        std::int64_t taps, double* rows, void* stream) {
  device::launch(plan_elementwise("metric_rows", outputs * inputs * taps, facts), stream, metric_rows_kernel, weight, scale, outputs,
                 inputs, taps, rows);
}

void launch_metric_denominator(const device_facts& facts, const double* gram, const double* covariance, std::int64_t n, double* row_sums,
                               double* denominator, void* stream) {
  device::launch(plan_elementwise("metric_row_sums", n * device::warp_size, facts), stream, metric_row_sums_kernel, gram, covariance, n,
                 row_sums);
  device::launch({"metric_denominator", 1, device::warp_size, 0, false}, stream, metric_denominator_kernel, row_sums, n, denominator);
}

void launch_metric_add(const device_facts& facts, const double* gram, const double* denominator, std::int64_t n, double* metric,
                       void* stream) {
  device::launch(plan_elementwise("metric_add", n * device::warp_size, facts), stream, metric_add_kernel, gram, denominator, n, metric);
}

}  // namespace sirfp
