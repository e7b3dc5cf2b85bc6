// Where this thread stands. Blocks and grids have one dimension; a kernel splits the index itself, by numbers from its plan.
#pragma once

#include <cstdint>

#include "qualifiers.cuh"
#ifndef __CUDACC__
#include "emulator/threads.hpp"
#endif

namespace sirfp::device {

constexpr int warp_size = 32;

#ifdef __CUDACC__
SIRFP_DEVICE int thread_index() { return static_cast<int>(threadIdx.x); }
SIRFP_DEVICE int block_threads() { return static_cast<int>(blockDim.x); }
SIRFP_DEVICE std::int64_t block_index() { return blockIdx.x; }
SIRFP_DEVICE std::int64_t grid_blocks() { return gridDim.x; }
#else
inline int thread_index() { return emulator::this_thread().index; }
inline int block_threads() { return emulator::this_grid().threads; }
inline std::int64_t block_index() { return emulator::this_thread().home->index; }
inline std::int64_t grid_blocks() { return emulator::this_grid().blocks; }
#endif

SIRFP_DEVICE int lane_index() { return thread_index() % warp_size; }
SIRFP_DEVICE int warp_index() { return thread_index() / warp_size; }
SIRFP_DEVICE int block_warps() { return (block_threads() + warp_size - 1) / warp_size; }
// This thread among all of the grid, and how many those are: for loops over elements.
SIRFP_DEVICE std::int64_t grid_thread() { return block_index() * block_threads() + thread_index(); }
SIRFP_DEVICE std::int64_t grid_threads() { return grid_blocks() * block_threads(); }

}  // namespace sirfp::device
