// The delayed updates of a site's P and M as tile products: P -= U U^T, M -= p v^T + v p^T, lower triangles.
#pragma once

#include <cstdint>

#include "device/barriers.cuh"
#include "device/shared.cuh"
#include "device/triangle.cuh"
#include "schur_job.hpp"
#include "schur_tuning.hpp"

namespace sirfp {

constexpr int schur_sums_across = 16;  // threads along a side of a tile
constexpr int schur_sums_each = schur_tuning::tile_side / schur_sums_across;

// A thread's sums: rows and columns 16 apart, so that neighbouring threads read neighbouring words.
struct schur_sums {
  double sum[schur_sums_each][schur_sums_each];
};

// Columns t ... + tile_depth - 1 of a panel at rows first ... + tile_side - 1, zero beyond its end.
SIRFP_DEVICE void stage_panel(const double* panel, std::int32_t rows, std::int32_t depth, std::int32_t t, std::int32_t first, double* to) {
  using namespace schur_tuning;
  for (int k = device::thread_index(); k < tile_depth * tile_side; k += threads) {
    const std::int32_t column = t + k / tile_side;
    const std::int32_t row = first + k % tile_side;
    to[k] = column < depth && row < rows ? panel[std::int64_t{column} * rows + row] : 0;
  }
}

// sums += left right^T of the tile at (row, column).
SIRFP_DEVICE void add_products(schur_sums& sums, const double* left, const double* right, std::int32_t rows, std::int32_t depth,
                               std::int32_t row, std::int32_t column, double* stage) {
  using namespace schur_tuning;
  double* const across = stage + tile_depth * tile_side;
  const int y = device::thread_index() / schur_sums_across;
  const int x = device::thread_index() % schur_sums_across;
  for (std::int32_t t = 0; t < depth; t += tile_depth) {
    device::block_barrier();
    stage_panel(left, rows, depth, t, row, stage);
    stage_panel(right, rows, depth, t, column, across);
    device::block_barrier();
    SIRFP_UNROLL
    for (int k = 0; k < tile_depth; ++k) {
      double a[schur_sums_each];
      double b[schur_sums_each];
      SIRFP_UNROLL
      for (int i = 0; i < schur_sums_each; ++i) {
        a[i] = stage[k * tile_side + y + schur_sums_across * i];
        b[i] = across[k * tile_side + x + schur_sums_across * i];
      }
      SIRFP_UNROLL
      for (int i = 0; i < schur_sums_each; ++i) {
        SIRFP_UNROLL
        for (int j = 0; j < schur_sums_each; ++j) sums.sum[i][j] += a[i] * b[j];
      }
    }
  }
}

SIRFP_DEVICE void subtract_sums(const schur_sums& sums, double* matrix, std::int32_t rows, std::int32_t row, std::int32_t column) {
  const int y = device::thread_index() / schur_sums_across;
  const int x = device::thread_index() % schur_sums_across;
  SIRFP_UNROLL
  for (int i = 0; i < schur_sums_each; ++i) {
    SIRFP_UNROLL
    for (int j = 0; j < schur_sums_each; ++j) {
      const std::int32_t r = row + y + schur_sums_across * i;
      const std::int32_t c = column + x + schur_sums_across * j;
      if (r < rows && c <= r) matrix[std::int64_t{r} * rows + c] -= sums.sum[i][j];
    }
  }
}

// Tile `tile` of the lower triangle, counted row by row, of P or of M. The whole block.
SIRFP_DEVICE void flush_tile(const schur_site_job& site, std::int32_t filled, std::int32_t tile, bool of_metric, double* stage) {
  const auto [tile_row, tile_column] = device::triangle_place_of(tile);
  const std::int32_t row = tile_row * schur_tuning::tile_side;
  const std::int32_t column = tile_column * schur_tuning::tile_side;
  schur_sums sums{};
  if (of_metric) {
    add_products(sums, site.p, site.v, site.rows, filled, row, column, stage);
    add_products(sums, site.v, site.p, site.rows, filled, row, column, stage);
  } else {
    add_products(sums, site.root, site.root, site.rows, filled, row, column, stage);
  }
  subtract_sums(sums, of_metric ? site.metric : site.precision, site.rows, row, column);
}

// Tiles along a side, and in the lower triangle.
SIRFP_DEVICE std::int32_t tiles_of(std::int32_t rows) {
  const std::int32_t side = (rows + schur_tuning::tile_side - 1) / schur_tuning::tile_side;
  return side * (side + 1) / 2;
}

}  // namespace sirfp
