// The tensor-core part of the Gram kernels: a warp multiplies a stage of its rows by its columns. A stage is one plane of 16-bit values a
// term, [channel][pixel], rows of 64 or 128 bytes whose 16-byte units are permuted so that no eight rows of a fragment meet in a bank.
//
// The sum of a stage starts at zero and is added to the accumulators by an ordinary fp32 addition: tensor cores may truncate what they add
// up, which over a long chain is a bias; here a chain has 3 or 4 links. Where two terms are multiplied, x = hi + lo:
//   hi_i hi_j + (hi_i lo_j + lo_i hi_j)
// with the bracket in one instruction, 8 pixels of each half, so that exchanging i and j exchanges nothing in the order of the sums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "device/mma.cuh"
#include "device/numbers.cuh"
#include "gram_tuning.hpp"

namespace sirfp {

// A row of `Units` times 16 bytes; the byte where a unit lies.
template <int Units>
SIRFP_DEVICE int unit_offset(int row, int unit) {
  static_assert(Units == 4 || Units == 8);
  constexpr int rows_per_line = 8 / Units;  // of 128 bytes, all banks
  return (row * Units + (unit ^ (row / rows_per_line & (Units - 1)))) * 16;
}

// A warp's part of a tile: `Bands` of 16 rows from `row` on, 32 columns from `column` on; bands outside [first, end) are not wanted,
// because they lie above the diagonal or beyond the last channel.
template <int Side, int Rows>
struct warp_part {
  static constexpr int bands = Rows / 16;
  static constexpr int warps_across = Side / gram_tuning::warp_columns;
  static constexpr int threads = Side / Rows * warps_across * device::warp_size;
  int row, column, first, end;

  SIRFP_DEVICE static warp_part of(int channels, int first_row, int first_column, bool diagonal) {
    warp_part part{};
    part.row = device::warp_index() / warps_across * Rows;
    part.column = device::warp_index() % warps_across * gram_tuning::warp_columns;
    const int rows = channels - first_row - part.row;
    part.end = rows <= 0 ? 0 : rows >= Rows ? bands : (rows + 15) / 16;
    if (first_column + part.column >= channels) part.end = 0;
    if (diagonal && part.column > part.row) part.first = (part.column - part.row) / 16;
    return part;
  }
  SIRFP_DEVICE bool wanted(int band) const { return band >= first && band < end; }
};

struct chunk_fragments {
  device::mma_b part[4];  // 8 columns each
};

template <int Units>
SIRFP_DEVICE void load_columns(chunk_fragments& into, const unsigned char* plane, int column, int k) {
  const int lane = device::lane_index();
  const int row = column + lane % 8 + lane / 16 * 8;
  const int unit = 2 * k + lane / 8 % 2;
  for (int half = 0; half < 2; ++half) {
    std::uint32_t four[4];
    device::load_matrices<4>(four, plane + unit_offset<Units>(row + 16 * half, unit));
    into.part[2 * half] = {{four[0], four[1]}};
    into.part[2 * half + 1] = {{four[2], four[3]}};
  }
}

template <int Units>
SIRFP_DEVICE device::mma_a load_rows(const unsigned char* plane, int row, int k) {
  const int lane = device::lane_index();
  device::mma_a a;
  device::load_matrices<4>(a.a, plane + unit_offset<Units>(row + lane % 8 + lane / 8 % 2 * 8, 2 * k + lane / 16));
  return a;
}

template <class Half>
SIRFP_DEVICE void mma(device::mma_d& d, const device::mma_a& a, const device::mma_b& b) {
  if constexpr (std::is_same_v<Half, device::bf16>)
    device::mma_bf16(d, a, b);
  else
    device::mma_f16(d, a, b);
}

// Sums of |x| of a band by the tensor cores: |A| times a column of ones.
template <class Half>
SIRFP_DEVICE void add_magnitudes(device::mma_d& d, device::mma_a a) {
  constexpr std::uint32_t one = std::is_same_v<Half, device::bf16> ? 0x3f803f80U : 0x3c003c00U;
  for (std::uint32_t& pair : a.a) pair &= 0x7fff7fffU;
  mma<Half>(d, a, device::mma_b{{one, one}});
}

template <class Half>
SIRFP_DEVICE void multiply_terms(device::mma_d& d, const device::mma_a (&a)[1], const chunk_fragments (&b)[1], int n) {
  mma<Half>(d, a[0], b[0].part[n]);
}
template <class Half>
SIRFP_DEVICE void multiply_terms(device::mma_d& d, const device::mma_a (&a)[2], const chunk_fragments (&b)[2], int n) {
  const device::mma_b& high = b[0].part[n];
  const device::mma_b& low = b[1].part[n];
  mma<Half>(d, a[0], high);
  mma<Half>(d, {{a[0].a[0], a[0].a[1], a[1].a[0], a[1].a[1]}}, {{low.b[0], high.b[0]}});
  mma<Half>(d, {{a[0].a[2], a[0].a[3], a[1].a[2], a[1].a[3]}}, {{low.b[1], high.b[1]}});
}

// One stage. `magnitude` gets the sums of |x| of bands 2 `measured` and the next (-1: none).
template <class Half, int Terms, int Units, int Side, int Rows>
SIRFP_DEVICE void multiply_stage(const unsigned char* rows, const unsigned char* columns, std::size_t term_bytes,
                                 const warp_part<Side, Rows>& part, device::mma_d (&sums)[Rows / 16][4], int measured,
                                 device::mma_d (&magnitude)[2]) {
  constexpr int steps = Units / 2;               // of 16 pixels
  constexpr int links = Terms == 1 ? steps : 1;  // steps of a chain: three products a step are a chain already, and save registers
  SIRFP_UNROLL for (int first = 0; first < steps; first += links) {
    chunk_fragments b[links][Terms];
    SIRFP_UNROLL for (int k = 0; k < links; ++k) SIRFP_UNROLL for (int t = 0; t < Terms; ++t)
        load_columns<Units>(b[k][t], columns + t * term_bytes, part.column, first + k);
    SIRFP_UNROLL for (int m = 0; m < Rows / 16; ++m) {
      if (!part.wanted(m)) continue;
      device::mma_d chain[4] = {};
      device::mma_d magnitude_chain = {};
      SIRFP_UNROLL for (int k = 0; k < links; ++k) {
        device::mma_a a[Terms];
        SIRFP_UNROLL for (int t = 0; t < Terms; ++t) a[t] = load_rows<Units>(rows + t * term_bytes, part.row + 16 * m, first + k);
        SIRFP_UNROLL for (int n = 0; n < 4; ++n) multiply_terms<Half>(chain[n], a, b[k], n);
        if (Terms == 1 && m / 2 == measured) add_magnitudes<Half>(magnitude_chain, a[0]);
      }
      SIRFP_UNROLL for (int n = 0; n < 4; ++n) SIRFP_UNROLL for (int i = 0; i < 4; ++i) sums[m][n].d[i] += chain[n].d[i];
      if (Terms == 1 && m / 2 == measured) SIRFP_UNROLL for (int i = 0; i < 4; ++i) magnitude[m % 2].d[i] += magnitude_chain.d[i];
    }
  }
}

// Adds the accumulators to the unit's slot, or makes them its first value, and clears them. scale(channel of the tile's rows or columns) is
// what undoes a channel's scale.
template <int Side, int Rows, class Scale>
SIRFP_DEVICE void promote(double* slot, bool first, const warp_part<Side, Rows>& part, device::mma_d (&sums)[Rows / 16][4],
                          const Scale& scale) {
  const int lane = device::lane_index();
  SIRFP_UNROLL for (int m = 0; m < Rows / 16; ++m) {
    if (!part.wanted(m)) continue;
    SIRFP_UNROLL for (int n = 0; n < 4; ++n) {
      SIRFP_UNROLL for (int i = 0; i < 4; ++i) {
        const int row = part.row + 16 * m + device::mma_row(lane, i);
        const int column = part.column + 8 * n + device::mma_column(lane, i);
        double& to = slot[row * Side + column];
        const double sum = static_cast<double>(sums[m][n].d[i]) * scale(row, column);
        to = first ? sum : to + sum;
        sums[m][n].d[i] = 0;
      }
      device::warp_barrier();  // keeps the compiler from loading all scales and former sums at once, for which there are no registers
    }
  }
}

}  // namespace sirfp
