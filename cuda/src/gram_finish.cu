// Computes          per image: totals of the channels over the ranges (1 / norm; or residual r = sum w (x - a), mean m = a + r / W and its
//                   step d from the mean of the images before), then for each entry
//                     similarity  R_ij += G_ij / (n_i n_j)            moments  S_ij += G_ij - r_i r_j / W + (W' W / (W' + W)) d_i d_j
//                   with G the sum of the ranges and W' the weight of the images before. Into a state the batch goes as a whole: its sums
//                   begin at zero, and join the state's as those of a batch that was kept apart would, to the same bits
// Tile              totals: a warp a channel. finish: a thread an entry of a tile, or 8 where there are several ranges
// Shared/registers  finish 2 KiB where ranges are shared out; 48 registers
// Traffic           8 bytes an entry of each slot, 16 of the state once a group of images
// Accumulates in    fp64
// Order             ranges as a fixed tree, images ascending: the same bits on every GPU
// Needs             nothing
// Measured          not yet measured
#include <algorithm>

#include "device/launch.cuh"
#include "device/numbers.cuh"
#include "device/shared.cuh"
#include "device/triangle.cuh"
#include "device/warp.cuh"
#include "gram_passes.hpp"
#include "gram_tuning.hpp"
#include "sirfp/device_notes.hpp"

namespace sirfp {
namespace {

using namespace gram_tuning;

// The same in every lane.
SIRFP_DEVICE double warp_sum_of(const double* values, std::int64_t count, std::int64_t stride) {
  double sum = 0;
  for (std::int64_t k = device::lane_index(); k < count; k += device::warp_size) sum += values[k * stride];
  return device::warp_butterfly_sum(sum);
}

SIRFP_DEVICE double weight_of_image(const gram_results& r, std::int64_t image) {
  return r.weight_parts == nullptr ? static_cast<double>(r.pixels)
                                   : warp_sum_of(r.weight_parts + image * r.weight_blocks, r.weight_blocks, 1);
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads) gram_norms_kernel(SIRFP_GRID_CONSTANT const gram_results_row sites) {
  const std::int64_t warp = device::grid_thread() / device::warp_size;
  if (warp >= sites.work()) return;
  const auto [r, which] = sites.locate(warp);
  const std::int64_t image = which / r.channels;
  const double norm = warp_sum_of(r.sums + image * r.ranges * r.channels + which % r.channels, r.ranges, r.channels);
  if (device::lane_index() == 0) r.totals[2 * which] = 1 / (norm + r.epsilon);
}

// Chan's update of the state by a batch of this weight and mean, as merge_moments does it.
SIRFP_DEVICE void join_mean(const gram_results& r, std::int64_t channel, double weight, double mean) {
  const double before = device::add_rounded(r.host_weight, r.notes[device_notes::weight]);
  const double total = device::add_rounded(before, weight);
  const double share = total > 0 ? weight / total : 0;
  const double step = device::add_rounded(mean, -r.mean[channel]);
  r.steps[channel] = step;
  if (channel == 0) r.steps[r.channels] = device::multiply_rounded(before, share);
  r.mean[channel] = device::add_rounded(r.mean[channel], device::multiply_rounded(share, step));
}

// The weight of the images before, in the notes, is read by all and moved on by gram_weight_kernel behind this one.
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads) gram_means_kernel(SIRFP_GRID_CONSTANT const gram_results_row sites) {
  const std::int64_t warp = device::grid_thread() / device::warp_size;
  if (warp >= sites.work()) return;
  const auto [r, channel] = sites.locate(warp);
  double before = r.joins ? 0 : r.notes[device_notes::weight];
  double mean = r.joins ? 0 : r.mean[channel];
  for (std::int64_t n = 0; n < r.count; ++n) {
    const double weight = weight_of_image(r, n);
    const double residual = warp_sum_of(r.sums + n * r.ranges * r.channels + channel, r.ranges, r.channels);
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
  if (device::lane_index() != 0) return;
  if (r.joins)
    join_mean(r, channel, before, mean);
  else
    r.mean[channel] = mean;
}

// A block a site.
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(device::warp_size) gram_weight_kernel(SIRFP_GRID_CONSTANT const gram_results_row sites) {
  const gram_results& r = sites.site[device::block_index()];
  double& noted = r.notes[device_notes::weight];
  const double before = noted;
  double weight = r.joins ? 0 : before;
  for (std::int64_t n = 0; n < r.count; ++n) weight += weight_of_image(r, n);
  if (device::lane_index() == 0) noted = r.joins ? device::add_rounded(before, weight) : weight;
}

// What image n adds to the entry, from its sum of products.
SIRFP_DEVICE double finished(const gram_results& r, std::int64_t n, std::int64_t i, std::int64_t j, double product) {
  const double* const row = r.totals + 2 * (n * r.channels + i);
  const double* const column = r.totals + 2 * (n * r.channels + j);
  if (r.mean == nullptr) return product * (row[0] * column[0]);
  const double within = product - row[0] * column[0] * r.images[2 * n];
  return within + r.images[2 * n + 1] * (row[1] * column[1]);
}

// The state's entry with the batch's in it, as `combine` and merge_moments have it.
SIRFP_DEVICE double joined(const gram_results& r, std::int64_t i, std::int64_t j, double state, double batch) {
  using device::add_rounded;
  using device::multiply_rounded;
  if (r.mean == nullptr) return add_rounded(multiply_rounded(r.keep, state), multiply_rounded(r.share, batch));
  const double outer = multiply_rounded(r.steps[r.channels], multiply_rounded(r.steps[i], r.steps[j]));
  return add_rounded(state, add_rounded(batch, outer));
}

// `Groups` threads share an entry's ranges: thread g takes ranges g, g + Groups, ...
template <int Groups>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads) gram_finish_kernel(SIRFP_GRID_CONSTANT const gram_results_row sites) {
  constexpr int entries = finish_threads / Groups;  // of a block
  const auto [r, block] = sites.locate(device::block_index());
  const int lane = device::thread_index() % entries;
  const int group = device::thread_index() / entries;
  const std::int64_t size = std::int64_t{r.side} * r.side;
  const std::int64_t entry = block * entries + lane;
  const std::int64_t tile = entry / size;
  const auto [tile_row, tile_column] = device::triangle_place_of(tile);
  const std::int64_t i = tile_row * r.side + entry % size / r.side;
  const std::int64_t j = tile_column * r.side + entry % r.side;
  const bool wanted = i < r.channels && j <= i;
  double* const to = wanted && group == 0 ? r.matrix + (i * (i + 1) / 2 + j) : nullptr;
  double sum = to == nullptr || r.joins ? 0 : *to;
  for (std::int64_t n = 0; n < r.count; ++n) {
    double product = 0;
    if (wanted)
      for (std::int64_t s = group; s < r.ranges; s += Groups)
        product += r.slots[((n * r.ranges + s) * r.tiles + tile) * size + entry % size];
    if constexpr (Groups > 1) {
      auto* const parts = device::shared_array<double>();
      device::block_barrier();
      parts[device::thread_index()] = product;
      device::block_barrier();
      if (group == 0)
        for (int g = 1; g < Groups; ++g) product += parts[g * entries + lane];
    }
    if (to == nullptr) continue;
    sum = device::add_rounded(sum, finished(r, n, i, j, product));
    if (i == j && sum < 0) sum = 0;  // squares that fp32 has no number for, less that of their residual, which fp64 has
  }
  if (to != nullptr) *to = r.joins ? joined(r, i, j, *to, sum) : sum;
}

// Sites with the numbers that `work` gives each.
template <class Work>
gram_results_row numbered(const gram_results* sites, std::int32_t count, const Work& work) {
  gram_results_row row;
  for (std::int32_t k = 0; k < count; ++k) row.add(sites[k], work(sites[k]));
  return row;
}

}  // namespace

void launch_gram_totals(const gram_results* sites, std::int32_t count, void* stream) {
  constexpr std::int64_t per_block = finish_threads / device::warp_size;
  const auto blocks = [](std::int64_t warps) { return (warps + per_block - 1) / per_block; };
  if (sites->mean == nullptr) {
    const gram_results_row row = numbered(sites, count, [](const gram_results& r) { return r.count * r.channels; });
    device::launch({"gram_norms", blocks(row.work()), finish_threads}, stream, gram_norms_kernel, row);
    return;
  }
  const gram_results_row row = numbered(sites, count, [](const gram_results& r) { return r.channels; });
  device::launch({"gram_means", blocks(row.work()), finish_threads}, stream, gram_means_kernel, row);
  device::launch({"gram_weight", count, device::warp_size}, stream, gram_weight_kernel, row);
}

void launch_gram_finish(const gram_results* sites, std::int32_t count, void* stream) {
  const bool shared_out = std::any_of(sites, sites + count, [](const gram_results& r) { return r.ranges > 1; });
  const std::int64_t entries = shared_out ? finish_threads / finish_groups : finish_threads;  // of a block
  const gram_results_row row =
      numbered(sites, count, [&](const gram_results& r) { return r.tiles * r.side * r.side / entries; });  // a tile fills whole blocks
  const device::launch_shape shape{"gram_finish", row.work(), finish_threads, shared_out ? std::size_t{finish_threads} * 8 : 0};
  if (shared_out)
    device::launch(shape, stream, gram_finish_kernel<finish_groups>, row);
  else
    device::launch(shape, stream, gram_finish_kernel<1>, row);
}

}  // namespace sirfp
