// Computes          of one site: Sigma_KK + r and Sigma_RK from its moments, m_R - matrix m_K, the share of each variance that the matrix
//                   explains; of a consumer's weight: W[:, R] as rows, the bias that goes with it, and W[:, K] += what was folded
// Tile              a warp a row, or a thread an element; the grid goes round
// Shared/registers  none / docs/performance/registers.md
// Traffic           every operand read once, every result written once; not in whole sectors where a packed triangle is read left of the
//                   diagonal, nor in the rows of `taken` and `folded` where a weight has several taps
// Accumulates in    fp64
// Order             a row's sum in a fixed order of lanes
// Needs             sm_80
// Measured          not yet measured
#include "compensation_kernels.hpp"
#include "device/indices.cuh"
#include "device/launch.cuh"
#include "device/warp.cuh"
#include "state_algebra_plan.hpp"

namespace sirfp {
namespace {

SIRFP_DEVICE double covariance(const compensation_site& site, std::int64_t i, std::int64_t j) {
  const std::int64_t at = i < j ? j * (j + 1) / 2 + i : i * (i + 1) / 2 + j;
  return site.scatter[at] * site.inverse_weight * site.first_power * site.second_power;
}

SIRFP_KERNEL compensation_diagonal_kernel(const double* scatter, std::int64_t channels, double* diagonal) {
  for (std::int64_t i = device::grid_thread(); i < channels; i += device::grid_threads()) diagonal[i] = scatter[i * (i + 1) / 2 + i];
}

SIRFP_KERNEL compensation_system_kernel(compensation_site site, compensation_positions at, regularisation added, double* system) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t i = device::grid_thread() / device::warp_size; i < at.kept_count; i += warps)
    for (std::int64_t j = device::lane_index(); j <= i; j += device::warp_size) {
      const double value = covariance(site, at.kept[i], at.kept[j]);
      system[i * at.kept_count + j] = j < i ? value : value + added.added(value);
    }
}

SIRFP_KERNEL compensation_right_sides_kernel(compensation_site site, compensation_positions at, double* right_sides) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t r = device::grid_thread() / device::warp_size; r < at.removed_count; r += warps)
    for (std::int64_t k = device::lane_index(); k < at.kept_count; k += device::warp_size)
      right_sides[r * at.kept_count + k] = covariance(site, at.removed[r], at.kept[k]);
}

SIRFP_KERNEL compensation_offsets_kernel(compensation_site site, compensation_positions at, const double* matrix, double* offset) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t r = device::grid_thread() / device::warp_size; r < at.removed_count; r += warps) {
    double predicted = 0;
    if (matrix != nullptr)
      for (std::int64_t k = device::lane_index(); k < at.kept_count; k += device::warp_size)
        predicted += matrix[r * at.kept_count + k] * site.mean[at.kept[k]];
    predicted = device::warp_butterfly_sum(predicted);
    if (device::lane_index() == 0) offset[r] = site.mean[at.removed[r]] - predicted;
  }
}

SIRFP_KERNEL compensation_explained_kernel(compensation_site site, compensation_positions at, const double* matrix, double* explained) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t r = device::grid_thread() / device::warp_size; r < at.removed_count; r += warps) {
    double sum = 0;
    for (std::int64_t k = device::lane_index(); k < at.kept_count; k += device::warp_size)
      sum += matrix[r * at.kept_count + k] * covariance(site, at.removed[r], at.kept[k]);
    sum = device::warp_butterfly_sum(sum);
    if (device::lane_index() == 0) explained[r] = sum;
  }
}

// A warp an output.
SIRFP_KERNEL compensation_take_kernel(const double* weight, std::int64_t outputs, std::int64_t taps, compensation_positions at,
                                      const double* offset, double* taken, double* bias) {
  const std::int64_t inputs = at.kept_count + at.removed_count;
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t o = device::grid_thread() / device::warp_size; o < outputs; o += warps) {
    double sum = 0;
    for (std::int64_t e = device::lane_index(); e < at.removed_count * taps; e += device::warp_size) {
      const std::int64_t r = e / taps;
      const std::int64_t t = e % taps;
      const double value = weight[(o * inputs + at.removed[r]) * taps + t];
      taken[(o * taps + t) * at.removed_count + r] = value;
      sum += value * offset[r];
    }
    sum = device::warp_butterfly_sum(sum);
    if (device::lane_index() == 0) bias[o] = sum;
  }
}

SIRFP_KERNEL compensation_add_kernel(const double* folded, std::int64_t outputs, std::int64_t taps, compensation_positions at,
                                     double* weight) {
  const std::int64_t inputs = at.kept_count + at.removed_count;
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t o = device::grid_thread() / device::warp_size; o < outputs; o += warps)
    for (std::int64_t e = device::lane_index(); e < at.kept_count * taps; e += device::warp_size) {
      const std::int64_t k = e / taps;
      const std::int64_t t = e % taps;
      weight[(o * inputs + at.kept[k]) * taps + t] += folded[(o * taps + t) * at.kept_count + k];
    }
}

}  // namespace

void launch_compensation_diagonal(const device_facts& facts, const double* scatter, std::int64_t channels, double* diagonal, void* stream) {
  device::launch(plan_elementwise("compensation_diagonal", channels, facts), stream, compensation_diagonal_kernel, scatter, channels,
                 diagonal);
}

void launch_compensation_system(const device_facts& facts, const compensation_site& site, const compensation_positions& at,
                                const regularisation& added, double* system, void* stream) {
  device::launch(plan_elementwise("compensation_system", at.kept_count * device::warp_size, facts), stream, compensation_system_kernel,
                 site, at, added, system);
}

void launch_compensation_right_sides(const device_facts& facts, const compensation_site& site, const compensation_positions& at,
                                     double* right_sides, void* stream) {
  device::launch(plan_elementwise("compensation_right_sides", at.removed_count * device::warp_size, facts), stream,
                 compensation_right_sides_kernel, site, at, right_sides);
}

void launch_compensation_offsets(const device_facts& facts, const compensation_site& site, const compensation_positions& at,
                                 const double* matrix, double* offset, void* stream) {
  device::launch(plan_elementwise("compensation_offsets", at.removed_count * device::warp_size, facts), stream, compensation_offsets_kernel,
                 site, at, matrix, offset);
}

void launch_compensation_explained(const device_facts& facts, const compensation_site& site, const compensation_positions& at,
                                   const double* matrix, double* explained, void* stream) {
  device::launch(plan_elementwise("compensation_explained", at.removed_count * device::warp_size, facts), stream,
                 compensation_explained_kernel, site, at, matrix, explained);
}

void launch_compensation_take(const device_facts& facts, const double* weight, std::int64_t outputs, std::int64_t taps,
                              const compensation_positions& at, const double* offset, double* taken, double* bias, void* stream) {
  device::launch(plan_elementwise("compensation_take", outputs * device::warp_size, facts), stream, compensation_take_kernel, weight,
                 outputs, taps, at, offset, taken, bias);
}

void launch_compensation_add(const device_facts& facts, const double* folded, std::int64_t outputs, std::int64_t taps,
                             const compensation_positions& at, double* weight, void* stream) {
  device::launch(plan_elementwise("compensation_add", outputs * device::warp_size, facts), stream, compensation_add_kernel, folded, outputs,
                 taps, at, weight);
}

}  // namespace sirfp
