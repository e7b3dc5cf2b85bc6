// Numbers of the edge score's plan. None is measured yet: each is a choice by arithmetic, with what it is to be tried against.
#pragma once

#include <cstdint>

namespace sirfp::edge_score_tuning {

// A thread computes patches of `strip` columns by `band` rows: it reads (strip + 2) (band + 2) values for strip * band magnitudes, 1.69 of
// them each, of which all but one come from the first cache. To try: strip 2 and 8, band 32.
constexpr int strip = 4;
constexpr int band = 16;
constexpr int threads = 256;
// Patches a thread sees before a map is split over several blocks; the split depends on the shape alone, so that the bits do not depend on
// the GPU. To try: 1, 4.
constexpr std::int64_t patches_per_thread = 2;
constexpr int finish_threads = 128;

}  // namespace sirfp::edge_score_tuning
