// What the lanes of a warp do together: shuffles, votes, reductions. `mask` names the lanes that take part; each of them must come.
#pragma once

#include <cstdint>

#include "barriers.cuh"

namespace sirfp::device {

#ifdef __CUDACC__
template <class T>
SIRFP_DEVICE T shuffle(T value, int source, unsigned mask = all_lanes) {
  return __shfl_sync(mask, value, source);
}
template <class T>
SIRFP_DEVICE T shuffle_xor(T value, int bits, unsigned mask = all_lanes) {
  return __shfl_xor_sync(mask, value, bits);
}
// From the lane `by` above; a lane without one keeps its own.
template <class T>
SIRFP_DEVICE T shuffle_down(T value, int by, unsigned mask = all_lanes) {
  return __shfl_down_sync(mask, value, static_cast<unsigned>(by));
}
template <class T>
SIRFP_DEVICE T shuffle_up(T value, int by, unsigned mask = all_lanes) {
  return __shfl_up_sync(mask, value, static_cast<unsigned>(by));
}
// The lanes where it holds.
SIRFP_DEVICE unsigned ballot(bool holds, unsigned mask = all_lanes) { return __ballot_sync(mask, holds); }
// One instruction each (redux, sm_80).
SIRFP_DEVICE unsigned warp_max(unsigned value, unsigned mask = all_lanes) { return __reduce_max_sync(mask, value); }
SIRFP_DEVICE int warp_max(int value, unsigned mask = all_lanes) { return __reduce_max_sync(mask, value); }
SIRFP_DEVICE unsigned warp_sum(unsigned value, unsigned mask = all_lanes) { return __reduce_add_sync(mask, value); }
#else
template <class T>
T shuffle(T value, int source, unsigned mask = all_lanes, emulator::site here = emulator::site::current()) {
  return emulator::shuffle(value, source & 31, mask, here);
}
template <class T>
T shuffle_xor(T value, int bits, unsigned mask = all_lanes, emulator::site here = emulator::site::current()) {
  return emulator::shuffle(value, lane_index() ^ bits, mask, here);
}
template <class T>
T shuffle_down(T value, int by, unsigned mask = all_lanes, emulator::site here = emulator::site::current()) {
  return emulator::shuffle(value, lane_index() + by > 31 ? lane_index() : lane_index() + by, mask, here);
}
template <class T>
T shuffle_up(T value, int by, unsigned mask = all_lanes, emulator::site here = emulator::site::current()) {
  return emulator::shuffle(value, lane_index() < by ? lane_index() : lane_index() - by, mask, here);
}
inline unsigned ballot(bool holds, unsigned mask = all_lanes, emulator::site here = emulator::site::current()) {
  return emulator::ballot(holds, mask, here);
}
inline unsigned warp_max(unsigned value, unsigned mask = all_lanes, emulator::site here = emulator::site::current()) {
  return emulator::reduce(
      value, mask, [](unsigned a, unsigned b) { return a < b ? b : a; }, here);
}
inline int warp_max(int value, unsigned mask = all_lanes, emulator::site here = emulator::site::current()) {
  return emulator::reduce(
      value, mask, [](int a, int b) { return a < b ? b : a; }, here);
}
inline unsigned warp_sum(unsigned value, unsigned mask = all_lanes, emulator::site here = emulator::site::current()) {
  return emulator::reduce(
      value, mask, [](unsigned a, unsigned b) { return a + b; }, here);
}
#endif

SIRFP_DEVICE bool any_lane(bool holds, unsigned mask = all_lanes) { return ballot(holds, mask) != 0; }

// Two redux instead of five rounds of two shuffles: the upper halves first, then the lower ones among the equals.
SIRFP_DEVICE std::int64_t warp_max(std::int64_t value, unsigned mask = all_lanes) {
  const int upper = warp_max(static_cast<int>(value >> 32), mask);
  const unsigned lower = warp_max(static_cast<int>(value >> 32) == upper ? static_cast<unsigned>(value) : 0U, mask);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(static_cast<std::uint32_t>(upper)) << 32 | lower);
}
SIRFP_DEVICE std::uint64_t warp_max(std::uint64_t value, unsigned mask = all_lanes) {
  const unsigned upper = warp_max(static_cast<unsigned>(value >> 32), mask);
  const unsigned lower = warp_max(static_cast<unsigned>(value >> 32) == upper ? static_cast<unsigned>(value) : 0U, mask);
  return static_cast<std::uint64_t>(upper) << 32 | lower;
}

// Butterfly sum of the whole warp, the same order in every lane: long, double, float.
template <class T>
SIRFP_DEVICE T warp_butterfly_sum(T value) {
  for (int bits = warp_size / 2; bits > 0; bits /= 2) value += shuffle_xor(value, bits);
  return value;
}

}  // namespace sirfp::device
