// Computes          the joint elimination of METHOD 4: order and costs, from P and M of every site (schur_prepare.cu)
// Tile              columns: a warp makes the new columns of 8 rows, 4 lanes each. Flush: 64 x 64 by 256 threads of 4 x 4 sums. Costs:
//                   `lanes` threads a channel. One persistent grid, one block a multiprocessor
// Shared/registers  16.4 KiB and 4 bytes a group; registers in docs/performance/registers.md, two blocks would fit
// Traffic           of a removal 16 bytes a row and site for the columns of P and M (32-byte sectors where they run down the triangle) and
//                   24 bytes a row, site and column that the panel holds; of a flush, every 32 removals, 8 n^2 bytes read and written a
//                   site
// Accumulates in    fp64
// Order             every sum in an order that depends on the problem alone: the same bits on any grid. Ties: the lowest channel
// Needs             sm_80 (redux), all blocks resident (grid barrier)
// Measured          not yet measured; docs/performance/schur.md has the model
//
// A removal is: every block chooses the same channel; (its panels flushed where they are full, a barrier of the grid;) its columns of P and
// M, brought up to date by the panel, become the panel's next ones; a barrier of the grid; diagonals, blocks and costs of every channel
// that shares a site with it; a barrier of the grid.
#include <cstdint>

#include "device/barriers.cuh"
#include "device/indices.cuh"
#include "device/launch.cuh"
#include "device/numbers.cuh"
#include "schur_block.hpp"
#include "schur_flush.cuh"
#include "schur_kernels.hpp"
#include "schur_schedule.cuh"

namespace sirfp {
namespace {

using namespace schur_tuning;

SIRFP_DEVICE double lower_of(const double* matrix, std::int32_t rows, std::int32_t i, std::int32_t j) {
  return matrix[i < j ? std::int64_t{j} * rows + i : std::int64_t{i} * rows + j];
}

SIRFP_DEVICE bool is_full(const schur_site_job& site, const schur_panel& panel, const schur_place& gone) {
  return panel.filled + gone.count > site.capacity;
}

// Applies the panels that have no room for the columns of channel `gone`. True where there were any: then the grid has to meet.
SIRFP_DEVICE bool flush_full_panels(const schur_job& job, std::int32_t gone, double* stage) {
  const std::int32_t first = job.first_place[gone];
  const std::int32_t count = job.first_place[gone + 1] - first;
  bool any = false;
  for (std::int32_t k = 0; k < count; k += device::warp_size) {
    const std::int32_t mine = k + device::lane_index();
    bool full = false;
    if (mine < count) {
      const schur_place place = job.places[first + mine];
      full = is_full(job.sites[place.site], job.panels[place.site], place);
    }
    any = device::any_lane(full) || any;
  }
  if (!any) return false;
  const std::int64_t tasks = std::int64_t{2} * tiles_of(job.reach[gone].rows) * count;  // of sites of equal size; smaller ones skip some
  for (std::int64_t task = device::block_index(); task < tasks; task += device::grid_blocks()) {
    const schur_place place = job.places[first + static_cast<std::int32_t>(task % count)];
    const schur_site_job site = job.sites[place.site];
    const schur_panel panel = job.panels[place.site];
    const auto tile = static_cast<std::int32_t>(task / count / 2);
    if (tile < tiles_of(site.rows) && is_full(site, panel, place)) flush_tile(site, panel.filled, tile, task / count % 2 != 0, stage);
  }
  return true;
}

// Row `row` of P[:,j] and M[:,j] by the panel's first `filled` columns: a slice of the lanes' sums, added up by the warp.
SIRFP_DEVICE void load_column(const schur_site_job& site, std::int32_t filled, std::int32_t row, std::int32_t j, double& root, double& v) {
  const int slice = device::lane_index() / rows_abreast;
  root = 0;
  v = 0;
  if (row < site.rows) {
    if (slice == 0) {
      root = lower_of(site.precision, site.rows, row, j);
      v = lower_of(site.metric, site.rows, row, j);
    }
    for (std::int32_t t = slice; t < filled; t += device::warp_size / rows_abreast) {
      const std::int64_t at = std::int64_t{t} * site.rows;
      root -= site.root[at + row] * site.root[at + j];
      v -= site.p[at + row] * site.v[at + j] + site.v[at + row] * site.p[at + j];
    }
  }
  for (int bits = rows_abreast; bits < device::warp_size; bits *= 2) {
    root += device::shuffle_xor(root, bits);
    v += device::shuffle_xor(v, bits);
  }
}

// The columns of a removal in one site at the rows of a chunk: U = P[:,J] L^-T, p = U L^-1, v = M[:,J] - p M_JJ / 2. Rows of removed
// channels hold rounding from then on; it reaches no other row.
SIRFP_DEVICE void make_columns(const schur_job& job, const schur_place& gone, std::int32_t chunk) {
  const schur_site_job site = job.sites[gone.site];
  schur_panel& panel = job.panels[gone.site];
  const std::int32_t filled = is_full(site, panel, gone) ? 0 : panel.filled;
  if (chunk == 0 && device::lane_index() == 0) panel.newest = filled;
  schur_block block(gone.count, job.blocks + gone.block);
  const std::int32_t row = chunk * rows_abreast + device::lane_index() % rows_abreast;
  const bool writes = row < site.rows && device::lane_index() < rows_abreast;
  const std::int64_t at = std::int64_t{filled} * site.rows + row;
  for (std::int32_t a = 0; a < gone.count; ++a) {
    double root;
    double v;
    load_column(site, filled, row, gone.row + a, root, v);
    if (!writes) continue;
    if (gone.count == 1) {
      const double precision = block.precision(0, 0);
      const double pivot = sqrt(precision < block.floor(0) ? block.floor(0) : precision);
      root /= pivot;
      const double p = root / pivot;
      site.p[at] = p;
      v -= p * block.metric(0, 0) / 2;
    }
    site.root[at + std::int64_t{a} * site.rows] = root;
    site.v[at + std::int64_t{a} * site.rows] = v;
  }
  if (writes && gone.count > 1) block.transform_row(site.root + at, site.p + at, site.v + at, site.rows);
}

SIRFP_DEVICE void make_all_columns(const schur_job& job, std::int32_t gone) {
  const std::int32_t first = job.first_place[gone];
  const std::int32_t count = job.first_place[gone + 1] - first;
  const std::int64_t items = std::int64_t{(job.reach[gone].rows + rows_abreast - 1) / rows_abreast} * count;
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t item = device::grid_thread() / device::warp_size; item < items; item += warps) {
    const schur_place place = job.places[first + static_cast<std::int32_t>(item % count)];
    const auto chunk = static_cast<std::int32_t>(item / count);
    if (chunk * rows_abreast < job.sites[place.site].rows) make_columns(job, place, chunk);
  }
}

// What the channel at `place` costs there, from its block as it stands.
SIRFP_DEVICE double cost_of_block(const schur_job& job, const schur_place& place) {
  const schur_site_job site = job.sites[place.site];
  schur_block block(place.count, job.blocks + place.block);
  if (place.count == 1) return schur_cost(block.precision(0, 0), block.metric(0, 0), block.floor(0)) * site.unit * site.rest;
  block.factorise();
  return block.cost() * site.unit * site.rest;
}

SIRFP_DEVICE double first_cost(const schur_job& job, const schur_place& place) {
  const schur_site_job site = job.sites[place.site];
  schur_block block(place.count, job.blocks + place.block);
  for (std::int32_t a = 0; a < place.count; ++a) {
    for (std::int32_t b = 0; b <= a; ++b) {
      const std::int64_t at = std::int64_t{place.row + a} * site.rows + place.row + b;
      block.precision(a, b) = site.precision[at];
      block.metric(a, b) = block.metric(b, a) = site.metric[at];
    }
    block.floor(a) = site.floor[place.row + a];
  }
  return cost_of_block(job, place);
}

// After channel `gone` has left: the same as before in a site where it does not stand.
SIRFP_DEVICE double next_cost(const schur_job& job, std::int32_t index, std::int32_t gone) {
  const schur_place place = job.places[index];
  const schur_site_job site = job.sites[place.site];
  const std::int32_t k = gone - site.first_channel;
  const std::int32_t left = k >= 0 && k < site.channels ? site.place_of[k] : -1;
  if (left < 0) return job.place_costs[index];
  const std::int32_t newest = job.panels[place.site].newest;
  schur_block block(place.count, job.blocks + place.block);
  for (std::int32_t t = newest; t < newest + job.places[left].count; ++t) {
    const std::int64_t at = std::int64_t{t} * site.rows + place.row;
    for (std::int32_t a = 0; a < place.count; ++a)
      for (std::int32_t b = 0; b <= a; ++b) {
        block.precision(a, b) -= site.root[at + a] * site.root[at + b];
        block.metric(a, b) -= site.v[at + a] * site.p[at + b] + site.p[at + a] * site.v[at + b];
        block.metric(b, a) = block.metric(a, b);
      }
  }
  return cost_of_block(job, place);
}

// Costs and keys of channels first ... last - 1; `cost(index)` of a place. A channel that is gone has no key.
template <class Cost>
SIRFP_DEVICE void add_costs(const schur_job& job, std::int32_t first, std::int32_t last, const Cost& cost) {
  const std::int32_t lane = device::thread_index() % job.lanes;
  const std::int64_t step = device::grid_threads() / job.lanes;
  const std::int64_t mine = device::grid_thread() / job.lanes;
  for (std::int64_t base = first; base < last; base += step) {  // as often in every lane: they add up together
    const std::int64_t c = base + mine;
    const bool open = c < last && job.gone[c] == 0;
    double sum = 0;
    double relative = 0;
    if (open)
      for (std::int32_t index = job.first_place[c] + lane; index < job.first_place[c + 1]; index += job.lanes) {
        const double here = cost(index);
        const double share = here > 0 ? here / job.sites[job.places[index].site].total : 0;
        job.place_costs[index] = here;
        sum += here;
        relative = relative < share ? share : relative;
      }
    for (int bits = 1; bits < job.lanes; bits *= 2) {
      sum += device::shuffle_xor(sum, bits);
      const double other = device::shuffle_xor(relative, bits);
      relative = relative < other ? other : relative;
    }
    if (c >= last || lane != 0) continue;
    job.costs[c] = sum;
    job.keys[c] = open && is_below_limit(relative, job.cost_limit) ? device::double_to_bits(sum) : ~std::uint64_t{0};
  }
}

// Takes note that channel `gone` has left.
SIRFP_DEVICE void close_channel(const schur_job& job, std::int32_t gone) {
  const std::int32_t first = job.first_place[gone];
  for (std::int32_t k = first + device::thread_index(); k < job.first_place[gone + 1]; k += device::block_threads()) {
    const schur_place place = job.places[k];
    job.panels[place.site].filled = job.panels[place.site].newest + place.count;
  }
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(threads) schur_kernel(schur_job job) {
  auto* const stage = device::shared_array<double>();
  const schur_slots slots = schur_slots_at(2 * tile_depth * tile_side * sizeof(double));
  const bool writes = device::grid_thread() == 0;
  begin_turns(job, slots);
  add_costs(job, 0, job.channels, [&](std::int32_t index) { return first_cost(job, job.places[index]); });
  device::grid_barrier();
  std::int32_t step = 0;
  for (; step < job.most; ++step) {
    const std::int32_t gone = next_channel(job, step, slots);
    if (gone < 0) break;
    if (writes) {
      job.order[step] = gone;
      job.removal_costs[step] = job.costs[gone];
      job.gone[gone] = 1;
    }
    if (flush_full_panels(job, gone, stage)) device::grid_barrier();
    make_all_columns(job, gone);
    device::grid_barrier();
    if (device::block_index() == 0) close_channel(job, gone);
    const schur_reach reach = job.reach[gone];
    add_costs(job, reach.first, reach.last, [&](std::int32_t index) { return next_cost(job, index, gone); });
    device::grid_barrier();
  }
  if (writes) *job.removals = step;
}

}  // namespace

void launch_schur_elimination(const device::launch_shape& shape, const schur_job& job, void* stream) {
  device::launch(shape, stream, schur_kernel, job);
}

}  // namespace sirfp
