// Barriers. Each orders the memory accesses of its threads: shared and global for a block and a warp, global for the grid.
#pragma once

#include "indices.cuh"
#ifdef __CUDACC__
#include <cooperative_groups.h>
#else
#include "emulator/collective.hpp"
#endif

namespace sirfp::device {

constexpr unsigned all_lanes = 0xffffffffU;

#ifdef __CUDACC__
// Every thread of the block, at the same line.
SIRFP_DEVICE void block_barrier() { __syncthreads(); }
// The lanes of the mask, this one among them.
SIRFP_DEVICE void warp_barrier(unsigned mask = all_lanes) { __syncwarp(mask); }
// Every thread of a grid that was launched with `all_resident`.
SIRFP_DEVICE void grid_barrier() { cooperative_groups::this_grid().sync(); }
#else
inline void block_barrier(emulator::site here = emulator::site::current()) { emulator::block_barrier(here); }
inline void warp_barrier(unsigned mask = all_lanes, emulator::site here = emulator::site::current()) { emulator::warp_barrier(mask, here); }
inline void grid_barrier(emulator::site here = emulator::site::current()) { emulator::grid_barrier(here); }
#endif

}  // namespace sirfp::device
