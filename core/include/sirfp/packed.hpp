// Symmetric matrices are kept as their packed lower triangle, row by row: element (i, j), j <= i, is at i(i+1)/2 + j.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sirfp {

constexpr std::int64_t packed_size(std::int64_t n) noexcept { return n * (n + 1) / 2; }
constexpr std::int64_t packed_index(std::int64_t i, std::int64_t j) noexcept { return i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i; }
// The full square matrix, row-major.
std::vector<double> unpack(std::span<const double> packed, std::int64_t n);

}  // namespace sirfp
