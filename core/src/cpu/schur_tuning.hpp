// Numbers of the joint elimination on the CPU, found with bench/core/schur_elimination_bench.cpp on a Zen 4 core (OpenBLAS 0.3.21).
#pragma once

#include <cstdint>

namespace sirfp {

// Removals whose update is delayed. CPU ms at n = 256 / 512 / 1024 / 2048 with 16: 4.1 23 125 778, 32: 3.6 19 120 744, 64: 3.8 22 126 743,
// 128: 4.6 26 137 802; with 1 (no delay): 3158 at 2048.
constexpr std::int64_t schur_panel = 32;
// Columns of P and M that one task updates.
constexpr std::int64_t schur_block_columns = 192;
// Removed rows are dropped once they are 1 in this many.
constexpr std::int64_t schur_compaction = 8;
// Sites of at least so many positions are worked on by all threads together, smaller ones by one thread each.
constexpr std::int64_t schur_large_site = 384;

}  // namespace sirfp
