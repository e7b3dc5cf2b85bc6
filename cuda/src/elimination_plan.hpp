// How a batch of redundancy matrices is eliminated: who comes first, where everything lies, how the kernels are launched.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/launch.hpp"
#include "sirfp/device_facts.hpp"

namespace sirfp {

// One matrix; offsets into arrays that all matrices share.
struct elimination_slot {
  std::int64_t matrix = 0;  // position in the caller's batch
  std::int64_t channels = 0;
  std::int64_t stride = 0;        // of the fixed-point copy: channels, rounded up to what a thread loads at once
  bool wide = false;              // fixed-point entries in 64 bits, else in 32
  std::int64_t fixed_offset = 0;  // bytes, a multiple of 16
  std::int64_t first_row = 0;     // among the rows of all matrices; where its degrees and its results begin, too
  std::int64_t first_tile = 0;    // among the tile pairs of all
};

struct elimination_plan {
  std::vector<elimination_slot> slots;  // the largest first, equal ones as they came; matrices without channels are left out
  std::int64_t rows = 0;
  std::int64_t tiles = 0;
  std::int64_t fixed_bytes = 0;
  int rounds = 1;  // loads with which a block covers a row: 1, 2 or 4
  device::launch_shape scan;
  device::launch_shape quantise;
  device::launch_shape eliminate;
};

constexpr std::int64_t most_elimination_channels = 8192;

// Throws invalid_argument for a matrix of more channels than the kernel takes, or a batch whose copies exceed 64-bit offsets.
elimination_plan plan_elimination(std::span<const std::int64_t> channels, const device_facts& facts);

}  // namespace sirfp
