// Computes          per image: totals of the channels over the ranges (1 / norm; or residual r = sum w (x - a), mean m = a + r / W and its
//                   step d from the mean of the images before), then for each entry
//                     similarity  R_ij += G_ij / (n_i n_j)            moments  S_ij += G_ij - r_i r_j / W + (W' W / (W' + W)) d_i d_j
//                   with G the sum of the ranges and W' the weight of the images before
// Tile              totals: a warp a channel. finish: a thread an entry of a tile, or 8 where there are several ranges
// Shared/registers  finish 2 KiB where ranges are shared out; 42 registers
// Traffic           8 bytes an entry of each slot, 16 of the state once a group of images
// Accumulates in    fp64
// Order             ranges as a fixed tree, images ascending: the same bits on every GPU
// Needs             nothing
// Measured          not yet measured
#include "device/launch.cuh"
#include "device/numbers.cuh"
#include "device/shared.cuh"
#include "device/warp.cuh"
#include "gram_passes.hpp"
#include "gram_tuning.hpp"
#include "sirfp/device_notes.hpp"

namespace sirfp {
namespace {

using namespace gram_tuning;

// Everything the plan knows, for the kernels.
struct slot_shape {
  std::int64_t tiles, ranges, weight_blocks;
  int side;
};

// The same in every lane.
SIRFP_DEVICE double warp_sum_of(const double* values, std::int64_t count, std::int64_t stride) {
  double sum = 0;
  for (std::int64_t k = device::lane_index(); k < count; k += device::warp_size) sum += values[k * stride];
  return device::warp_butterfly_sum(sum);
}

SIRFP_DEVICE double weight_of_image(const gram_results& r, const slot_shape& shape, std::int64_t image) {
  return r.weight_parts == nullptr ? static_cast<double>(r.pixels)
                                   : warp_sum_of(r.weight_parts + image * shape.weight_blocks, shape.weight_blocks, 1);
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads) gram_norms_kernel(gram_results r, slot_shape shape) {
  const std::int64_t which = device::grid_thread() / device::warp_size;
  if (which >= r.count * r.channels) return;
  const std::int64_t image = which / r.channels;
  const double norm = warp_sum_of(r.sums + image * shape.ranges * r.channels + which % r.channels, shape.ranges, r.channels);
  if (device::lane_index() == 0) r.totals[2 * which] = 1 / (norm + r.epsilon);
}

// The weight of the images before the group, in the notes, is read by all and moved on by gram_weight_kernel behind this one.
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads) gram_means_kernel(gram_results r, slot_shape shape) {
  const std::int64_t channel = device::grid_thread() / device::warp_size;
  if (channel >= r.channels) return;
  double before = r.notes[device_notes::weight];
  double mean = r.mean[channel];
  for (std::int64_t n = 0; n < r.count; ++n) {
    const double weight = weight_of_image(r, shape, n);
    const double residual = warp_sum_of(r.sums + n * shape.ranges * r.channels + channel, shape.ranges, r.channels);
    const double own = weight > 0 ? static_cast<double>(r.shifts[n * r.channels + channel]) + residual / weight : 0;
    const double share = before + weight > 0 ? weight / (before + weight) : 0;
    const double step = own - mean;
    if (device::lane_index() == 0) {
      r.totals[2 * (n * r.channels + channel)] = residual;
      r.totals[2 * (n * r.channels + channel) + 1] = step;
      if (channel == 0) {
        r.images[2 * n] = weight > 0 ? 1 / weight : 0;
        r.images[2 * n + 1] = before * share;
      }
    }
    mean += share * step;
    before += weight;
  }
  if (device::lane_index() == 0) r.mean[channel] = mean;
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(device::warp_size) gram_weight_kernel(gram_results r, slot_shape shape) {
  double weight = r.notes[device_notes::weight];
  for (std::int64_t n = 0; n < r.count; ++n) weight += weight_of_image(r, shape, n);
  if (device::lane_index() == 0) r.notes[device_notes::weight] = weight;
}

// What image n adds to the entry, from its sum of products.
SIRFP_DEVICE double finished(const gram_results& r, std::int64_t n, std::int64_t i, std::int64_t j, double product) {
  const double* const row = r.totals + 2 * (n * r.channels + i);
  const double* const column = r.totals + 2 * (n * r.channels + j);
  if (r.mean == nullptr) return product * (row[0] * column[0]);
  const double within = product - row[0] * column[0] * r.images[2 * n];
  return within + r.images[2 * n + 1] * (row[1] * column[1]);
}

// `Groups` threads share an entry's ranges: thread g takes ranges g, g + Groups, ...
template <int Groups>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads) gram_finish_kernel(gram_results r, slot_shape shape) {
  constexpr int entries = finish_threads / Groups;  // of a block
  const int lane = device::thread_index() % entries;
  const int group = device::thread_index() / entries;
  const std::int64_t size = std::int64_t{shape.side} * shape.side;
  const std::int64_t entry = device::block_index() * entries + lane;
  const std::int64_t tile = entry / size;
  auto tile_row = static_cast<std::int64_t>((sqrt(8.0 * static_cast<double>(tile) + 1) - 1) / 2);
  if (tile_row * (tile_row + 1) / 2 > tile) --tile_row;
  if ((tile_row + 1) * (tile_row + 2) / 2 <= tile) ++tile_row;
  const std::int64_t i = tile_row * shape.side + entry % size / shape.side;
  const std::int64_t j = (tile - tile_row * (tile_row + 1) / 2) * shape.side + entry % shape.side;
  const bool wanted = i < r.channels && j <= i;
  for (std::int64_t n = 0; n < r.count; ++n) {
    double product = 0;
    if (wanted)
      for (std::int64_t s = group; s < shape.ranges; s += Groups)
        product += r.slots[((n * shape.ranges + s) * shape.tiles + tile) * size + entry % size];
    if constexpr (Groups > 1) {
      auto* const parts = device::shared_array<double>();
      device::block_barrier();
      parts[device::thread_index()] = product;
      device::block_barrier();
      if (group == 0)
        for (int g = 1; g < Groups; ++g) product += parts[g * entries + lane];
    }
    if (!wanted || group != 0) continue;
    double& to = r.matrix[i * (i + 1) / 2 + j];
    to = device::add_rounded(to, finished(r, n, i, j, product));  // the same bits into a state and into a batch of its own
    if (i == j && to < 0) to = 0;  // squares that fp32 has no number for, less that of their residual, which fp64 has
  }
}

slot_shape shape_of(const device_gram_plan& plan) { return {plan.tiles, plan.ranges, plan.weight_blocks, plan.side}; }

}  // namespace

void launch_gram_totals(const device_gram_plan& plan, const gram_results& results, void* stream) {
  constexpr std::int64_t per_block = finish_threads / device::warp_size;
  const auto blocks = [](std::int64_t warps) { return (warps + per_block - 1) / per_block; };
  if (results.mean == nullptr) {
    device::launch({"gram_norms", blocks(results.count * results.channels), finish_threads}, stream, gram_norms_kernel, results,
                   shape_of(plan));
    return;
  }
  device::launch({"gram_means", blocks(results.channels), finish_threads}, stream, gram_means_kernel, results, shape_of(plan));
  device::launch({"gram_weight", 1, device::warp_size}, stream, gram_weight_kernel, results, shape_of(plan));
}

void launch_gram_finish(const device_gram_plan& plan, const gram_results& results, void* stream) {
  if (plan.ranges > 1)
    device::launch(plan.finish, stream, gram_finish_kernel<finish_groups>, results, shape_of(plan));
  else
    device::launch(plan.finish, stream, gram_finish_kernel<1>, results, shape_of(plan));
}

}  // namespace sirfp
