// Computes: scan and subtract of elimination_kernels.hpp for one instruction set, given as `Lanes`: a vector of int64 and how to fill it.
// Tile:     64 x 64 entries and their mirror image, 32 KiB of floats, so that the mirror's lines are used while they are in cache.
// Traffic:  scan reads the matrix once; subtract reads one row and the keys (16 KiB at 2,048 channels, L1).
// Order:    integer sums, so none.
// Included after `#pragma GCC target`, once per file, hence the unnamed namespace. No template of the standard library is used from here:
// one that is not inlined would be compiled for this instruction set and might be the copy that the linker keeps for the whole program.
#pragma once

#include <cmath>
#include <cstdint>

#include "elimination_kernels.hpp"

namespace sirfp {
namespace {

inline std::uint32_t bits_of(float value) { return __builtin_bit_cast(std::uint32_t, value); }
inline std::uint64_t bits_of(double value) { return __builtin_bit_cast(std::uint64_t, value); }
template <class Integer>
Integer larger_of(Integer a, Integer b) {
  return a < b ? b : a;
}
inline std::int64_t smaller_of(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// round(magnitude * scale) to nearest even: the product is exact, 2^52 + product is rounded once, to an integer.
inline std::int64_t fixed(double magnitude, double scale) {
  constexpr double magic = 0x1p52;
  return static_cast<std::int64_t>(bits_of(magnitude * scale + magic) - bits_of(magic));
}

// Wrapping sum: degrees under a wrong scale are thrown away, but must not be undefined on the way there.
inline void add(std::int64_t& into, std::int64_t value) {
  into = static_cast<std::int64_t>(static_cast<std::uint64_t>(into) + static_cast<std::uint64_t>(value));
}

struct tile {
  std::int64_t row, row_end, column, column_end;
};

template <class Lanes, class T>
bool mirrored(const T* matrix, std::int64_t stride, const tile& at) {
  constexpr std::int64_t block = Lanes::template mirror_block<T>;
  typename Lanes::difference differs{};
  std::int64_t i = at.row;
  for (; i + block <= at.row_end; i += block) {
    std::int64_t j = at.column;
    for (; j + block <= at.column_end; j += block) Lanes::compare_mirror(matrix + i * stride + j, matrix + j * stride + i, stride, differs);
    for (; j < at.column_end; ++j)
      for (std::int64_t k = i; k < i + block; ++k) Lanes::compare_one(matrix[k * stride + j], matrix[j * stride + k], differs);
  }
  for (; i < at.row_end; ++i)
    for (std::int64_t j = at.column; j < at.column_end; ++j) Lanes::compare_one(matrix[i * stride + j], matrix[j * stride + i], differs);
  return !Lanes::any(differs);
}

// Adds the tile's entries to the degrees of its rows and, where the tile stands beside the diagonal, of its columns.
template <class Lanes, class T>
std::uint64_t add_tile(const T* matrix, std::int64_t stride, const tile& at, double scale, std::int64_t* degrees) {
  const bool beside = at.row != at.column;
  const std::int64_t columns = at.column_end - at.column;
  const std::int64_t whole = columns / Lanes::width * Lanes::width;
  const auto scales = Lanes::spread(scale);
  auto largest = Lanes::zero();
  std::uint64_t largest_bits = 0;
  std::int64_t* column_degrees = degrees + at.column;
  for (std::int64_t i = at.row; i < at.row_end; ++i) {
    const T* row = matrix + i * stride + at.column;
    auto sum = Lanes::zero();
    std::int64_t rest = 0;
    for (std::int64_t j = 0; j < whole; j += Lanes::width) {
      const auto magnitude = Lanes::magnitude(row + j);
      const auto value = Lanes::fixed(magnitude, scales);
      largest = Lanes::larger(largest, Lanes::bits(magnitude));
      sum = Lanes::add(sum, value);
      if (beside) Lanes::store(column_degrees + j, Lanes::add(Lanes::load(column_degrees + j), value));
    }
    for (std::int64_t j = whole; j < columns; ++j) {
      const double magnitude = std::abs(static_cast<double>(row[j]));
      const std::int64_t value = fixed(magnitude, scale);
      largest_bits = larger_of(largest_bits, bits_of(magnitude));
      add(rest, value);
      if (beside) add(column_degrees[j], value);
    }
    add(degrees[i], rest);
    add(degrees[i], Lanes::sum(sum));
  }
  return larger_of(largest_bits, static_cast<std::uint64_t>(Lanes::largest(largest)));
}

template <class Lanes, class T>
redundancy_scan scan(const T* matrix, std::int64_t channels, std::int64_t stride, double scale, std::int64_t* degrees) {
  constexpr std::int64_t side = 64;
  redundancy_scan found;
  for (std::int64_t i = 0; i < channels; ++i) degrees[i] = 0;
  for (std::int64_t i = 0; i < channels; i += side)
    for (std::int64_t j = i; j < channels; j += side) {
      const tile at{i, smaller_of(i + side, channels), j, smaller_of(j + side, channels)};
      found.symmetric = mirrored<Lanes>(matrix, stride, at) && found.symmetric;
      found.largest_bits = larger_of(found.largest_bits, add_tile<Lanes>(matrix, stride, at, scale, degrees));
    }
  return found;
}

inline void note(std::int64_t key, leading_keys& leading) {
  leading.runner_up = larger_of(leading.runner_up, smaller_of(leading.best, key));
  leading.best = larger_of(leading.best, key);
}

template <class Lanes, class T>
leading_keys subtract(const T* row, const T* ahead, std::int64_t channels, double scale, std::int64_t* keys) {
  const std::int64_t whole = channels / Lanes::width * Lanes::width;
  const auto scales = Lanes::spread(scale);
  auto best = Lanes::load_all(removed_key);
  for (std::int64_t i = 0; i < whole; i += Lanes::width) {
    if (ahead != row) __builtin_prefetch(ahead + i, 0, 2);
    const auto value = Lanes::shift_left(Lanes::fixed(Lanes::magnitude(row + i), scales));
    const auto key = Lanes::subtract(Lanes::load(keys + i), value);
    Lanes::store(keys + i, key);
    best = Lanes::larger(best, key);
  }
  std::int64_t lane[Lanes::width];
  Lanes::store(lane, best);
  leading_keys leading{removed_key, removed_key};
  for (const std::int64_t key : lane) note(key, leading);
  for (std::int64_t i = whole; i < channels; ++i) {
    keys[i] -= fixed(std::abs(static_cast<double>(row[i])), scale) << elimination_index_bits;
    note(keys[i], leading);
  }
  return leading;
}

}  // namespace
}  // namespace sirfp
