// Computes          the greedy elimination of METHOD 3 for all matrices of a batch: order, degree and diagonal entry at each removal
// Tile              scan: pairs of 32 x 32 tiles, 256 threads. quantise: a warp a row. eliminate: one block a matrix, the largest first
// from
//                   an atomic queue; 4 degrees a thread abreast, 1, 2 or 4 rounds, in registers
// Shared/registers  scan 8.25 KiB; eliminate 0.5 KiB and 8 to 32 registers of degrees, so registers bound the blocks on a multiprocessor
// Traffic           the matrix is read twice and written once in fixed point (C^2 words of 32 bits, of 64 where C <= 256), which is
//                   read once, a row a step, from L2 as long as the copies fit
// Accumulates in    int64 fixed point, scale 2^shift of redundancy_scale.hpp, each entry rounded once to nearest even: exact sums
// Order             integers throughout: the same bits in any order of blocks and threads. Ties: the lowest index
// Needs             sm_80 (redux). At most 8,192 channels
// Measured          not yet measured
//
// A step is: largest packed degree + inverted index of the warp (two redux), into one of two slots of the warp, one barrier, the largest of
// all slots, the winner's row, subtract. Two sets of slots make one barrier enough: a set is written again only behind the next barrier.
#include <cstdint>

#include "device/atomics.cuh"
#include "device/indices.cuh"
#include "device/launch.cuh"
#include "device/numbers.cuh"
#include "device/shared.cuh"
#include "device/triangle.cuh"
#include "device/vectors.cuh"
#include "device/warp.cuh"
#include "elimination_job.hpp"
#include "elimination_kernels.hpp"
#include "elimination_tuning.hpp"

namespace sirfp {
namespace {

using namespace elimination_tuning;

constexpr int index_bits = 22;  // of a key; a degree has at most 41 bits
constexpr std::int64_t index_mask = (std::int64_t{1} << index_bits) - 1;
constexpr std::int64_t removed_key = -(std::int64_t{1} << 61);  // can lose 2^62 more without wrapping

SIRFP_DEVICE double entry(const elimination_job& job, std::int64_t row, std::int64_t column) {
  const std::int64_t at = row * job.row_stride + column;
  return job.is_double ? static_cast<const double*>(job.matrix)[at] : static_cast<double>(static_cast<const float*>(job.matrix)[at]);
}

// The last job whose `first` is not above `at`; jobs are in ascending order of it.
template <std::int64_t elimination_job::*First>
SIRFP_DEVICE int job_holding(const elimination_job* jobs, int count, std::int64_t at) {
  int low = 0;
  int high = count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (jobs[middle].*First <= at)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

constexpr std::uint64_t magnitude_bits = ~(std::uint64_t{1} << 63);

// Tile (i, j), i <= j, and its mirror (j, i): largest magnitude, and do they agree bit for bit?
SIRFP_DEVICE void scan_tile(const elimination_job& job, std::int64_t i, std::int64_t j, std::uint64_t* tile, elimination_finding& found) {
  const int column = device::thread_index() % scan_side;
  const int first = device::thread_index() / scan_side;
  constexpr int step = scan_threads / scan_side;
  std::uint64_t largest = 0;
  bool differs = false;
  for (int row = first; row < scan_side; row += step) {
    const std::int64_t y = i * scan_side + row;
    const std::int64_t x = j * scan_side + column;
    if (y >= job.channels || x >= job.channels) continue;
    const std::uint64_t bits = device::double_to_bits(entry(job, y, x));
    tile[row * (scan_side + 1) + column] = bits;
    if ((bits & magnitude_bits) > largest) largest = bits & magnitude_bits;
  }
  device::block_barrier();
  for (int row = first; row < scan_side; row += step) {
    const std::int64_t y = j * scan_side + row;
    const std::int64_t x = i * scan_side + column;
    if (y >= job.channels || x >= job.channels) continue;
    const std::uint64_t bits = device::double_to_bits(entry(job, y, x));
    differs = differs || bits != tile[column * (scan_side + 1) + row];
    if ((bits & magnitude_bits) > largest) largest = bits & magnitude_bits;
  }
  device::block_barrier();
  largest = device::warp_max(largest);
  const bool asymmetric = device::any_lane(differs);
  if (device::lane_index() != 0) return;
  if (largest > device::load_relaxed(&found.largest_bits)) device::atomic_max(&found.largest_bits, largest);
  if (asymmetric) device::atomic_or(&found.asymmetric, 1U);
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(scan_threads)
    scan_kernel(const elimination_job* jobs, int count, std::int64_t tiles, elimination_finding* findings) {
  auto* const tile = device::shared_array<std::uint64_t>();
  for (std::int64_t k = device::block_index(); k < tiles; k += device::grid_blocks()) {
    const int m = job_holding<&elimination_job::first_tile>(jobs, count, k);
    const auto [j, i] = device::triangle_place_of(k - jobs[m].first_tile);
    scan_tile(jobs[m], i, j, tile, findings[m]);
  }
}

// Nearest even: 2^52 + product is rounded once, to an integer; the product is exact.
SIRFP_DEVICE std::int64_t fixed_point(const elimination_job& job, double value) {
  constexpr double magic = 4503599627370496.0;
  const double magnitude = device::bits_to_double(device::double_to_bits(value) & magnitude_bits);
  const double scaled = device::multiply_rounded(device::multiply_rounded(magnitude, job.first_scale), job.second_scale);
  return static_cast<std::int64_t>(device::double_to_bits(device::add_rounded(scaled, magic)) - device::double_to_bits(magic));
}

template <class Fixed>
SIRFP_DEVICE std::int64_t quantise_row(const elimination_job& job, std::int64_t row) {
  Fixed* const to = static_cast<Fixed*>(job.fixed) + row * job.stride;
  std::int64_t degree = 0;
  for (std::int64_t x = device::lane_index(); x < job.stride; x += device::warp_size) {
    const std::int64_t value = x < job.channels ? fixed_point(job, entry(job, row, x)) : 0;
    to[x] = static_cast<Fixed>(value);
    degree += value;
  }
  return device::warp_butterfly_sum(degree);
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(quantise_threads)
    quantise_kernel(const elimination_job* jobs, int count, std::int64_t rows, std::int64_t* degrees) {
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t k = device::grid_thread() / device::warp_size; k < rows; k += warps) {
    const elimination_job& job = jobs[job_holding<&elimination_job::first_row>(jobs, count, k)];
    const std::int64_t row = k - job.first_row;
    const std::int64_t degree = job.wide ? quantise_row<std::int64_t>(job, row) : quantise_row<std::uint32_t>(job, row);
    if (device::lane_index() == 0) degrees[k] = degree;
  }
}

template <int Rounds>
struct owned_keys {
  std::int64_t key[Rounds][degrees_abreast];

  // The first of the abreast channels of a round.
  SIRFP_DEVICE static std::int64_t first_of(int round) {
    return (static_cast<std::int64_t>(round) * device::block_threads() + device::thread_index()) * degrees_abreast;
  }
  SIRFP_DEVICE void load(const std::int64_t* degrees, std::int64_t channels) {
    for (int r = 0; r < Rounds; ++r)
      for (int e = 0; e < degrees_abreast; ++e) {
        const std::int64_t i = first_of(r) + e;
        key[r][e] = i < channels ? degrees[i] << index_bits | (index_mask - i) : removed_key;
      }
  }
  SIRFP_DEVICE std::int64_t largest() const {
    std::int64_t best = removed_key;
    for (int r = 0; r < Rounds; ++r)
      for (int e = 0; e < degrees_abreast; ++e) best = key[r][e] > best ? key[r][e] : best;
    return best;
  }
  // Takes the winner's row off, and the winner out; its owner writes down the diagonal entry.
  template <class Fixed>
  SIRFP_DEVICE void subtract(const elimination_job& job, std::int64_t winner, std::int64_t* diagonal) {
    const Fixed* const row = static_cast<const Fixed*>(job.fixed) + winner * job.stride;
    for (int r = 0; r < Rounds; ++r) {
      const std::int64_t first = first_of(r);
      if (first >= job.stride) continue;
      constexpr int together = 16 / sizeof(Fixed);
      for (int e = 0; e < degrees_abreast; e += together) {
        const auto values = device::load_vector<together>(row + first + e);
        for (int k = 0; k < together; ++k) {
          const auto value = static_cast<std::int64_t>(values[k]);
          const bool won = first + e + k == winner;
          if (won) *diagonal = value;
          key[r][e + k] = won ? removed_key : key[r][e + k] - (value << index_bits);
        }
      }
    }
  }
};

template <int Rounds>
SIRFP_DEVICE void eliminate_one(const elimination_job& job, const std::int64_t* degrees, const elimination_results& results,
                                std::int64_t* slots) {
  owned_keys<Rounds> owned;
  owned.load(degrees + job.first_row, job.channels);
  const int warps = device::block_warps();
  for (int t = 0; t < job.channels; ++t) {
    std::int64_t* const slot = slots + t % 2 * device::warp_size;
    const std::int64_t best_of_warp = device::warp_max(owned.largest());
    if (device::lane_index() == 0) slot[device::warp_index()] = best_of_warp;
    device::block_barrier();
    const std::int64_t best = device::warp_max(device::lane_index() < warps ? slot[device::lane_index()] : removed_key);
    const std::int64_t winner = index_mask - (best & index_mask);
    const std::int64_t at = job.first_row + t;
    if (device::thread_index() == 0) {
      results.order[at] = static_cast<std::int32_t>(winner);
      results.degree[at] = best >> index_bits;
    }
    if (job.wide)
      owned.template subtract<std::int64_t>(job, winner, results.diagonal + at);
    else
      owned.template subtract<std::uint32_t>(job, winner, results.diagonal + at);
  }
}

template <int Rounds>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(most_threads)
    eliminate_kernel(const elimination_job* jobs, int count, const std::int64_t* degrees, elimination_results results, unsigned* queue) {
  auto* const slots = device::shared_array<std::int64_t>();
  auto* const taken = device::shared_array<unsigned>(2 * device::warp_size * sizeof(std::int64_t));
  for (;;) {
    if (device::thread_index() == 0) *taken = device::atomic_add(queue, 1U);
    device::block_barrier();
    const unsigned m = *taken;
    if (m >= static_cast<unsigned>(count)) return;
    // Every matrix has a step and every step a barrier, so `taken` has been read by all when it is written again.
    eliminate_one<Rounds>(jobs[m], degrees, results, slots);
  }
}

}  // namespace

void launch_elimination_scan(const elimination_plan& plan, const elimination_job* jobs, elimination_finding* findings, void* stream) {
  device::launch(plan.scan, stream, scan_kernel, jobs, static_cast<int>(plan.slots.size()), plan.tiles, findings);
}

void launch_elimination(const elimination_plan& plan, const elimination_job* jobs, std::int64_t* degrees,
                        const elimination_results& results, unsigned* queue, void* stream) {
  const int count = static_cast<int>(plan.slots.size());
  device::launch(plan.quantise, stream, quantise_kernel, jobs, count, plan.rows, degrees);
  const auto kernel = plan.rounds == 1 ? eliminate_kernel<1> : plan.rounds == 2 ? eliminate_kernel<2> : eliminate_kernel<4>;
  device::launch(plan.eliminate, stream, kernel, jobs, count, degrees, results, queue);
}

}  // namespace sirfp
