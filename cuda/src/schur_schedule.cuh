// Which channel goes next, as core/src/schur_schedule.hpp has it: every block finds it for itself, the same in all of them.
#pragma once

#include <cstdint>

#include "device/barriers.cuh"
#include "device/shared.cuh"
#include "device/warp.cuh"
#include "schur_job.hpp"

namespace sirfp {

// In shared memory: what each warp found, and what is left of each turn.
struct schur_slots {
  std::uint64_t* key;      // [warp]
  std::uint32_t* channel;  // [warp]
  std::int32_t* left;      // [turn]
};

SIRFP_DEVICE schur_slots schur_slots_at(std::size_t offset) {
  constexpr std::size_t warps = device::warp_size;  // of the largest block
  return {device::shared_array<std::uint64_t>(offset), device::shared_array<std::uint32_t>(offset + 8 * warps),
          device::shared_array<std::int32_t>(offset + 12 * warps)};
}

// The least key, then the lowest channel.
SIRFP_DEVICE void least_of_warp(std::uint64_t& key, std::uint32_t& channel) {
  const std::uint64_t least = ~device::warp_max(~key);
  channel = ~device::warp_max(key == least ? ~channel : 0U);
  key = least;
}

// The turn with the largest share left, lowest index first; -1 when none has any. Every warp by itself.
SIRFP_DEVICE std::int32_t turn_of(const schur_job& job, const schur_slots& slots) {
  const auto turn = [&](std::int32_t t) { return schur_turn{0, 0, slots.left[t], job.turns[t].all}; };
  std::int32_t best = -1;
  for (std::int32_t t = device::lane_index(); t < job.turn_count; t += device::warp_size)
    if (slots.left[t] > 0 && (best < 0 || turn(t).comes_before(turn(best)))) best = t;
  for (int bits = 1; bits < device::warp_size && bits < job.turn_count; bits *= 2) {
    const std::int32_t other = device::shuffle_xor(best, bits);
    if (other < 0 || other == best) continue;
    const bool other_first = best < 0 || turn(other).comes_before(turn(best)) || (!turn(best).comes_before(turn(other)) && other < best);
    if (other_first) best = other;
  }
  return device::shuffle(best, 0);
}

// The cheapest channel of a turn that may go, or all ones. One barrier of the block.
SIRFP_DEVICE std::uint32_t cheapest_of(const schur_job& job, const schur_turn& turn, const schur_slots& slots) {
  std::uint64_t key = ~std::uint64_t{0};
  std::uint32_t channel = ~0U;
  for (std::int64_t c = turn.first + device::thread_index(); c < turn.last; c += device::block_threads())
    if (job.keys[c] < key) {
      key = job.keys[c];
      channel = static_cast<std::uint32_t>(c);
    }
  least_of_warp(key, channel);
  if (device::lane_index() == 0) {
    slots.key[device::warp_index()] = key;
    slots.channel[device::warp_index()] = channel;
  }
  device::block_barrier();
  const bool holds = device::lane_index() < device::block_warps();
  key = holds ? slots.key[device::lane_index()] : ~std::uint64_t{0};
  channel = holds ? slots.channel[device::lane_index()] : ~0U;
  least_of_warp(key, channel);
  return channel;
}

SIRFP_DEVICE void begin_turns(const schur_job& job, const schur_slots& slots) {
  for (std::int32_t t = device::thread_index(); t < job.turn_count; t += device::block_threads())
    slots.left[t] = static_cast<std::int32_t>(job.turns[t].left);
  device::block_barrier();
}

// The channel of removal `step`; -1 when nothing more may go. The next call is behind a barrier.
SIRFP_DEVICE std::int32_t next_channel(const schur_job& job, std::int32_t step, const schur_slots& slots) {
  if (step < job.forced_count) {
    const std::int32_t chosen = job.forced[step];
    for (std::int32_t t = device::thread_index(); t < job.turn_count; t += device::block_threads())
      if (chosen >= job.turns[t].first && chosen < job.turns[t].last) --slots.left[t];
    return chosen;
  }
  for (;;) {
    const std::int32_t t = turn_of(job, slots);
    if (t < 0) return -1;
    const std::uint32_t chosen = cheapest_of(job, job.turns[t], slots);
    const bool none = chosen == ~0U;
    if (device::thread_index() == 0) slots.left[t] = none ? 0 : slots.left[t] - 1;
    if (!none) return static_cast<std::int32_t>(chosen);
    device::block_barrier();
  }
}

}  // namespace sirfp
