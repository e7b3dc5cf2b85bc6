// Numbers of the Gram plan. None is measured yet: each is a choice by arithmetic (docs/performance/gram.md), with what it is to be tried
// against.
#pragma once

#include <cstdint>

namespace sirfp::gram_tuning {

// A tile of channel pairs is small_side or large_side square. Up to one large tile, a block owns the whole matrix and X is read once.
constexpr int small_side = 64;
constexpr int large_side = 128;
// Warps stand 2 x 2 (small) or 2 x 4 (large), each of side / 2 rows by 32 columns: 64 rows by 32 columns read 6 fragments of shared memory
// for 16 products. Large tiles of 16 warps of 32 x 32 fit 128 registers but for 5, which spill. To try: 64 columns.
constexpr int warp_columns = 32;

// Pixels of a stage. Native: rows of 128 bytes; split: 64 bytes in each of two planes, 32 prefetched values a thread. To try: split 64.
constexpr int native_pixels = 64;
constexpr int split_pixels = 32;
// Stages in flight of the copying kernel: 96 KiB for a large tile, so two blocks fit on a multiprocessor of sm_90. To try: 2, 4.
constexpr int stages = 3;

// The kernel of gram_wgmma.cu: two warpgroups that multiply and one that copies. Stages of 32 KiB in flight, of which 6 would fit; stages
// of a sum that starts at zero (16 links at 4: by the model of gram_multiply.cuh a bias of 1e-6 where each link truncates). To try: 6
// stages; chains of 2 and 8.
constexpr int wgmma_threads = 384;
constexpr int wgmma_stages = 4;
constexpr int wgmma_chain = 4;

// Pixels after which the fp32 accumulators are added to fp64: a chain of at most 128 sums of one stage each. Costs 2 * 8 bytes an entry of
// the tile through L2, 6% of what 4,096 pixels of a large fp32 tile bring in. To try: 8,192 for 16-bit maps.
constexpr std::int64_t promotion_pixels = 4096;

// A pixel range has at least this many pixels, and an image at most this many ranges or (tile, range) units; by the shape alone, so that
// the bits do not depend on the GPU. To try: 512 pixels, 264 units.
constexpr std::int64_t least_range_pixels = 1024;
constexpr std::int64_t units_per_image = 128;

// Images are taken in groups whose partial sums stay below this, one image at least.
constexpr std::int64_t workspace_bytes = std::int64_t{256} << 20;

// Sites that share launches. To try: 22, all that a kernel's parameters hold (gram_sites.hpp).
constexpr int sites_at_once = 20;

// Pixels looked at for a channel's shift (moments).
constexpr int samples = 64;
// A block sums this many pixel weights.
constexpr std::int64_t weights_per_block = 8192;
constexpr int weight_threads = 256;

// Finishing: threads that share an entry's ranges where there are several.
constexpr int finish_groups = 8;
constexpr int finish_threads = 256;

// The passes around cuBLAS: a block sums this many pixels of a channel.
constexpr std::int64_t cublas_range_pixels = 4096;

}  // namespace sirfp::gram_tuning
