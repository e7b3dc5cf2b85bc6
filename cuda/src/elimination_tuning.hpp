// Numbers of the elimination's plan. None is measured yet: each is a choice by arithmetic, with what it is to be tried against.
#pragma once

#include <cstdint>

namespace sirfp::elimination_tuning {

// Degrees that a thread owns side by side: one 16-byte load of a row in 32 bits. To try: 8, with half the threads.
constexpr int degrees_abreast = 4;
// With 4 degrees each, 2,048 channels in one round. More threads make the barrier dearer, fewer the loads. To try: 256 and 1,024.
constexpr int most_threads = 512;
constexpr int most_rounds = 4;  // 8,192 channels in 64 registers of degrees
// Up to here an entry can take more than 32 bits (2^40 / C), so rows are kept in 64: 512 KiB at most.
constexpr std::int64_t most_wide_channels = 256;
// Side of the tile pairs that are compared with their mirror: 8.25 KiB of shared memory.
constexpr int scan_side = 32;
constexpr int scan_threads = 256;
constexpr int quantise_threads = 256;
constexpr int blocks_per_multiprocessor = 8;  // of scan and quantise, which go round

}  // namespace sirfp::elimination_tuning
