#include "elimination_plan.hpp"

#include <algorithm>
#include <functional>

#include "elimination_tuning.hpp"
#include "parts.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

using namespace elimination_tuning;

std::int64_t tile_pairs(std::int64_t channels) {
  const std::int64_t side = parts(channels, scan_side);
  return side * (side + 1) / 2;
}

void lay_out(elimination_plan& plan) {
  for (elimination_slot& slot : plan.slots) {
    slot.stride = rounded_up(slot.channels, degrees_abreast);
    slot.wide = slot.channels <= most_wide_channels;
    slot.fixed_offset = plan.fixed_bytes;
    slot.first_row = plan.rows;
    slot.first_tile = plan.tiles;
    plan.rows += slot.channels;
    plan.tiles += tile_pairs(slot.channels);
    const std::int64_t bytes = rounded_up(slot.channels * slot.stride * (slot.wide ? 8 : 4), 16);
    SIRFP_EXPECTS(!__builtin_add_overflow(plan.fixed_bytes, bytes, &plan.fixed_bytes), "redundancy matrices: more than 2^63 bytes in all");
  }
}

}  // namespace

elimination_plan plan_elimination(std::span<const std::int64_t> channels, const device_facts& facts) {
  elimination_plan plan;
  for (std::size_t m = 0; m < channels.size(); ++m) {
    SIRFP_EXPECTS(channels[m] <= most_elimination_channels, "redundancy matrix ", m, ": ", channels[m],
                  " channels, the cuda backend takes ", most_elimination_channels, " at most");
    if (channels[m] > 0) plan.slots.push_back({.matrix = static_cast<std::int64_t>(m), .channels = channels[m]});
  }
  std::ranges::stable_sort(plan.slots, std::greater<>{}, &elimination_slot::channels);
  lay_out(plan);

  const std::int64_t largest = plan.slots.empty() ? 1 : plan.slots.front().channels;
  const std::int64_t loads = parts(largest, degrees_abreast);
  while (plan.rounds < most_rounds && plan.rounds * most_threads < loads) plan.rounds *= 2;
  const int threads = static_cast<int>(std::min<std::int64_t>(most_threads, rounded_up(loads, 32)));
  const std::int64_t device_blocks = std::int64_t{facts.multiprocessors} * blocks_per_multiprocessor;
  const std::int64_t rows_per_block = quantise_threads / 32;
  plan.scan = {"elimination_scan", std::min(plan.tiles, device_blocks), scan_threads, std::size_t{scan_side} * (scan_side + 1) * 8};
  plan.quantise = {"elimination_quantise", std::min(parts(plan.rows, rows_per_block), device_blocks), quantise_threads};
  const std::int64_t resident = std::int64_t{facts.multiprocessors} * std::max(1, facts.threads_per_multiprocessor / threads / 2);
  constexpr std::size_t slot_bytes = 2 * 32 * 8;  // two of each warp, and the matrix that the block took
  plan.eliminate = {"eliminate", std::min(static_cast<std::int64_t>(plan.slots.size()), resident), threads, slot_bytes + 8};
  return plan;
}

}  // namespace sirfp
