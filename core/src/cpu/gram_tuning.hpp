// Numbers of the Gram plan, measured on one Zen 4 core (32 KiB L1, 1 MiB L2, 32 MiB shared L3), g++ 12, by similarity_bench.
#pragma once

#include <cstdint>

namespace sirfp::gram_tuning {

// Up to here every task keeps the whole triangle (128 x 128 fp64 = 128 KiB) beside its own packed pixels in L2.
constexpr std::int64_t few_channels = 128;
constexpr std::int64_t private_block_bytes = 512 << 10;  // half of L2
constexpr std::int64_t shared_block_bytes = 8 << 20;     // a quarter of L3; 2048 channels x 1024 pixels in one go
constexpr std::int64_t least_block_pixels = 256;
constexpr std::int64_t most_block_pixels = 8192;
// Tasks of one image: enough for 8 threads; each costs one reduction of a triangle.
constexpr std::int64_t most_splits = 8;
constexpr std::int64_t split_pixels = 1024;
// 96 x 96 channels: 72 KiB of fp64 sums on the stack, and C = 256 still makes 6 tiles for two threads to share.
constexpr std::int64_t tile_panels = 6;

}  // namespace sirfp::gram_tuning
