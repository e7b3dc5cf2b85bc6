// Computes        sums_ij += sum_p x_i,p x_j,p, lower triangle of tiles, from panels [pixel][16 channels]
// Tile            channels broadcast x channels in registers: AVX-512 8 x 48, AVX2 4 x 16, NEON 4 x 16, SSE2 2 x 16
// Registers       AVX-512: 24 accumulators + 3 + 1 of 32
// Traffic         a step of one pixel reads 8 + 48 floats for 384 products; a run of 384 pixels of one panel is 24 KiB, from L2
// Accumulates in  fp32 over at most 384 pixels, then fp64: less error than one naive fp32 sum
// Order           pixels ascending, fixed by the tile alone
// Needs           nothing of alignment; the instruction set is chosen at run time
// Measured        docs/decisions/0002, bench/torch/similarity_bench.cpp: 110-114 GFLOP/s of 118 on one Zen 4 core; AVX2 on two
//                 busy Zen 3 cores 56-94 of 132 at C >= 256, packing included (sirfp bench --only moments)
#include "gram_kernel.hpp"

#include <algorithm>

namespace sirfp {
namespace {

// 128, 256, 384, 512 pixels: 110, 114, 115, 115 GFLOP/s in L2 (fp64 update 24 vectors a tile); longer runs only cost digits.
constexpr std::int64_t run_pixels = 384;

template <class Vector>
constexpr int per_panel = lane_count / width_of<Vector>;

template <class Vector, int Rows, int Vectors>
SIRFP_INLINE void multiply(const float* rows, const float* columns, std::int64_t panel_stride, std::int64_t pixels, double* sums,
                           std::int64_t row_stride) noexcept {
  Vector total[Rows][Vectors] = {};
  for (std::int64_t p = 0; p < pixels; ++p) {
    Vector column[Vectors];
    for (int v = 0; v < Vectors; ++v)
      column[v] = load<Vector>(columns + v / per_panel<Vector> * panel_stride + p * lane_count + v % per_panel<Vector> * width_of<Vector>);
    for (int r = 0; r < Rows; ++r)
      for (int v = 0; v < Vectors; ++v) total[r][v] += rows[p * lane_count + r] * column[v];
  }
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < Vectors; ++v) add_widened(sums + r * row_stride + v * width_of<Vector>, total[r][v]);
}

template <class Vector, int Rows, int Panels>
SIRFP_INLINE void multiply_up_to(std::int64_t panels, const float* rows, const float* columns, std::int64_t panel_stride,
                                 std::int64_t pixels, double* sums, std::int64_t row_stride) noexcept {
  if (panels == Panels) return multiply<Vector, Rows, Panels * per_panel<Vector>>(rows, columns, panel_stride, pixels, sums, row_stride);
  if constexpr (Panels > 1) multiply_up_to<Vector, Rows, Panels - 1>(panels, rows, columns, panel_stride, pixels, sums, row_stride);
}

// The first 8 channels of a panel.
template <class Vector, int Rows>
SIRFP_INLINE void multiply_half(const float* rows, const float* columns, std::int64_t pixels, double* sums,
                                std::int64_t row_stride) noexcept {
  if constexpr (per_panel<Vector> == 1)
    multiply<half_lanes, Rows, 1>(rows, columns, 0, pixels, sums, row_stride);
  else
    multiply<Vector, Rows, per_panel<Vector> / 2>(rows, columns, 0, pixels, sums, row_stride);
}

template <class Vector, int Rows, int Panels>
SIRFP_INLINE void run(const gram_tile& tile, std::int64_t first, std::int64_t pixels) noexcept {
  const float* packed = tile.packed + first * lane_count;
  for (std::int64_t j = tile.column_begin; j < tile.column_end; j += Panels) {
    const float* columns = packed + j * tile.panel_stride;
    for (std::int64_t i = std::max(j, tile.row_begin); i < tile.row_end; ++i) {
      const std::int64_t panels = std::min({std::int64_t{Panels}, tile.column_end - j, i - j + 1});
      const bool diagonal = j + panels - 1 == i;
      for (std::int64_t r = 0; r < lane_count; r += Rows) {
        const float* rows = packed + i * tile.panel_stride + r;
        double* sums = tile.sums + ((i - tile.row_begin) * lane_count + r) * tile.row_stride + (j - tile.column_begin) * lane_count;
        const bool half = diagonal && r + Rows <= lane_count / 2;  // the upper right quarter of a panel's square is not asked for
        multiply_up_to<Vector, Rows, Panels>(half ? panels - 1 : panels, rows, columns, tile.panel_stride, pixels, sums, tile.row_stride);
        if (half)
          multiply_half<Vector, Rows>(rows, packed + i * tile.panel_stride, pixels, sums + (panels - 1) * lane_count, tile.row_stride);
      }
    }
  }
}

template <class Vector, int Rows, int Panels>
SIRFP_INLINE void multiply_tile(const gram_tile& tile) noexcept {
  for (std::int64_t first = 0; first < tile.pixels; first += run_pixels)
    run<Vector, Rows, Panels>(tile, first, std::min(run_pixels, tile.pixels - first));
}

#if SIRFP_X86
SIRFP_TARGET_AVX512 void multiply_tile_avx512(const gram_tile& tile) { multiply_tile<avx512_vector, 8, 3>(tile); }
SIRFP_TARGET_AVX2 void multiply_tile_avx2(const gram_tile& tile) { multiply_tile<avx2_vector, 4, 1>(tile); }
void multiply_tile_baseline(const gram_tile& tile) { multiply_tile<baseline_vector, 2, 1>(tile); }
#else
void multiply_tile_baseline(const gram_tile& tile) { multiply_tile<baseline_vector, 4, 1>(tile); }
#endif

}  // namespace

gram_kernel gram_kernel_for(simd_level level) noexcept {
#if SIRFP_X86
  if (level == simd_level::avx512) return multiply_tile_avx512;
  if (level == simd_level::avx2) return multiply_tile_avx2;
#endif
  (void)level;
  return multiply_tile_baseline;
}

}  // namespace sirfp
