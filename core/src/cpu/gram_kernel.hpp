// Products of packed channels, added to an fp64 tile: the inner loop of similarity and moments.
#pragma once

#include <cstdint>

#include "simd.hpp"

namespace sirfp {

// Channels are packed in panels of 16: element (channel 16 q + l, pixel p) of the packed values is at q panel_stride + 16 p + l.
struct gram_tile {
  const float* packed = nullptr;
  std::int64_t panel_stride = 0;
  std::int64_t pixels = 0;
  std::int64_t row_begin = 0, row_end = 0;  // panels
  std::int64_t column_begin = 0, column_end = 0;
  double* sums = nullptr;  // element (i, j), both counted from the tile's first row and column, at i * row_stride + j
  std::int64_t row_stride = 0;
};

// sums_ij += sum_p x_i,p x_j,p for the tile's j <= i; what is above the diagonal inside a panel of 16 may be filled or not.
using gram_kernel = void (*)(const gram_tile&);
gram_kernel gram_kernel_for(simd_level level) noexcept;

}  // namespace sirfp
