// The joint elimination as its kernels see it, in device memory.
//
// A site has rows: those of its positions whose channel may go, in ascending order of channel, so that the positions of one channel are
// neighbours. (Rows of P and M that no removal can read need not be kept up to date.)
#pragma once

#include <cstdint>

#include "schur_turn.hpp"

namespace sirfp {

// Where a channel stands in a site. The places of a channel are neighbours, in the order of their sites.
struct schur_place {
  std::int64_t block;  // of its schur_block, in doubles
  std::int32_t site;
  std::int32_t row, count;
};

struct schur_site_job {
  double* precision;  // P and M, [rows x rows] row-major, lower triangles, as of the last flush
  double* metric;
  double* root;  // the panel: columns U, p and v of the removals since then (core/src/cpu/schur_site.hpp), [capacity x rows] each
  double* p;
  double* v;
  const double* floor;           // of the rows
  const std::int32_t* place_of;  // of channels first_channel ... + channels - 1; -1: not here
  double unit, rest, total;
  std::int32_t rows, capacity;
  std::int32_t first_channel, channels;
};

struct schur_panel {
  std::int32_t filled;  // columns
  std::int32_t newest;  // the first column of the latest removal
};

// What a removal can change: channels first ... last - 1, and at most so many rows in a site.
struct schur_reach {
  std::int32_t first, last, rows;
};

struct schur_job {
  const schur_site_job* sites;
  schur_panel* panels;              // [sites]
  const std::int32_t* first_place;  // [channels + 1]
  const schur_place* places;
  const schur_reach* reach;  // [channels]
  double* blocks;
  double* place_costs;  // [places]
  double* costs;        // [channels]
  std::uint64_t* keys;  // [channels], the cost's bits; all ones: may not go
  std::uint32_t* gone;  // [channels], not 0: removed, or never to be
  const std::int32_t* forced;
  const schur_turn* turns;
  double cost_limit;
  std::int32_t channels, forced_count, turn_count;
  std::int32_t lanes;   // threads that add up a channel's costs, a power of two
  std::int32_t most;    // removals
  std::int32_t* order;  // [most]
  double* removal_costs;
  std::int32_t* removals;  // how many there were
};

}  // namespace sirfp
