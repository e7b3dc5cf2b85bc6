// Small kernels that find out what a GPU does: bandwidth, latencies, and what tensor cores make of the last bits. Device pointers, default
// stream.
#pragma once

#include <cstdint>
#include <vector>

namespace sirfp::bench {

// Reads `words` times 16 bytes; `sink` gets something that depends on all of them.
void launch_read(const void* from, std::int64_t words, unsigned* sink);

// Clocks from load to value of `steps` loads through L2, one after another, each of the line that the former named. `chain` has for each
// 128-byte line the number of the next.
void launch_chase(const unsigned* chain, int steps, int* clocks);

enum class collective : std::uint8_t { block_barrier, warp_max, shuffle, grid_barrier };
// Clocks that `rounds` of it take, seen by each block's first thread.
void launch_collective(collective what, std::int64_t blocks, int threads, int rounds, int* clocks);

// D(0, 0) = c + sum a_k b_k by one f16 mma of 16 products.
struct mma_probe {
  float a[16] = {};
  float b[16] = {};
  float c = 0;
};
std::vector<float> mma_results_sync(const std::vector<mma_probe>& probes);

// What the tensor cores keep of c + sum a_k b_k, by crafted operands.
struct mma_habits {
  int bits_beyond_fp32 = 0;  // of a product below the last bit of c, as far as 4 can be told
  bool rounds = false;       // to nearest; else it truncates
  bool sixteen = false;      // adds 16 products at once; else it rounds to fp32 after 8
};
mma_habits mma_habits_sync();

}  // namespace sirfp::bench
