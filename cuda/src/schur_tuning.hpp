// Numbers of the joint elimination's plan. None is measured yet: each is a choice by arithmetic, with what it is to be tried against.
#pragma once

namespace sirfp::schur_tuning {

// Removals whose update is delayed. A removal reads the panel (24 bytes a row and column), a flush reads and writes P and M. To try:
// 16, 64.
constexpr int panel = 32;
// Of the persistent kernel: 16 x 16 threads of 4 x 4 sums are a tile. One block a multiprocessor keeps the grid's barrier short. To try: 2.
constexpr int threads = 256;
constexpr int blocks_per_multiprocessor = 1;
constexpr int tile_side = 64;
constexpr int tile_depth = 16;  // columns of the panel in shared memory at once: 16 KiB. To try: 32
// Rows next to each other that a warp makes columns for, each by 32 / 8 lanes that share the panel's columns. To try: 16.
constexpr int rows_abreast = 8;
constexpr int prepare_threads = 256;

}  // namespace sirfp::schur_tuning
