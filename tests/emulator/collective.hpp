// Operations that several threads make together. Each thread brings an argument on its stack and sleeps; the last to come does the work for
// all. A thread that is missing, or comes to another line, is an error.
#pragma once

#include <cstring>
#include <type_traits>

#include "threads.hpp"

namespace sirfp::emulator {

void block_barrier(site here);
void warp_barrier(unsigned mask, site here);
void grid_barrier(site here);

// `combine(lanes, mask)` gets the arguments of the lanes in the mask, null elsewhere.
using combine_lanes = void (*)(void* const (&lanes)[32], unsigned mask);
void warp_collective(const char* name, unsigned mask, void* argument, combine_lanes combine, site here);

template <class T>
T shuffle(T value, int source, unsigned mask, site here) {
  static_assert(std::is_trivially_copyable_v<T>);
  struct part {
    T value;
    int source;
    T result;
    bool absent;
  } mine{value, source, value, false};
  const auto combine = [](void* const(&lanes)[32], unsigned) {
    for (void* const lane : lanes) {
      if (lane == nullptr) continue;
      part& to = *static_cast<part*>(lane);
      const part* from = static_cast<const part*>(lanes[to.source]);
      to.absent = from == nullptr;
      if (from != nullptr) to.result = from->value;
    }
  };
  warp_collective("shuffle", mask, &mine, combine, here);
  if (mine.absent) fail("shuffle from lane " + std::to_string(source) + ", which is not in the mask");
  return mine.result;
}

template <class T, class Join>
T reduce(T value, unsigned mask, Join, site here) {
  struct part {
    T value;
    T result;
  } mine{value, value};
  const auto combine = [](void* const(&lanes)[32], unsigned) {
    bool first = true;
    T all{};
    for (void* const lane : lanes) {
      if (lane == nullptr) continue;
      const T next = static_cast<const part*>(lane)->value;
      all = first ? next : Join{}(all, next);
      first = false;
    }
    for (void* const lane : lanes)
      if (lane != nullptr) static_cast<part*>(lane)->result = all;
  };
  warp_collective("warp reduction", mask, &mine, combine, here);
  return mine.result;
}

inline unsigned ballot(bool holds, unsigned mask, site here) {
  struct part {
    bool holds;
    unsigned result;
  } mine{holds, 0};
  const auto combine = [](void* const(&lanes)[32], unsigned) {
    unsigned votes = 0;
    for (int lane = 0; lane < 32; ++lane)
      if (lanes[lane] != nullptr && static_cast<const part*>(lanes[lane])->holds) votes |= 1U << lane;
    for (void* const lane : lanes)
      if (lane != nullptr) static_cast<part*>(lane)->result = votes;
  };
  warp_collective("ballot", mask, &mine, combine, here);
  return mine.result;
}

}  // namespace sirfp::emulator
