// Places in a lower triangle that is counted row by row: k = row (row + 1) / 2 + column, column <= row.
#pragma once

#include <cmath>
#include <cstdint>

#include "qualifiers.cuh"

namespace sirfp::device {

template <class Index>
struct triangle_place {
  Index row, column;
};

// The root may be off by its rounding: in single precision for 32-bit places, which spare a tensor kernel the fp64.
SIRFP_DEVICE float triangle_root(std::int32_t k) { return sqrtf(8.0F * static_cast<float>(k) + 1); }
SIRFP_DEVICE double triangle_root(std::int64_t k) { return sqrt(8.0 * static_cast<double>(k) + 1); }

template <class Index>
SIRFP_DEVICE triangle_place<Index> triangle_place_of(Index k) {
  auto row = static_cast<Index>((triangle_root(k) - 1) / 2);
  while (row * (row + 1) / 2 > k) --row;
  while ((row + 1) * (row + 2) / 2 <= k) ++row;
  return {row, k - row * (row + 1) / 2};
}

}  // namespace sirfp::device
