#include "redundancy_defect.hpp"

#include <bit>
#include <cmath>

#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

double entry(const redundancy_matrix& matrix, std::int64_t row, std::int64_t column) noexcept {
  const std::int64_t at = row * matrix.row_stride + column;
  return matrix.is_double ? static_cast<const double*>(matrix.data)[at] : static_cast<double>(static_cast<const float*>(matrix.data)[at]);
}

}  // namespace

double redundancy_magnitude(const redundancy_matrix& matrix, std::int64_t row, std::int64_t column) noexcept {
  return std::abs(entry(matrix, row, column));
}

void expect_redundancy(const redundancy_matrix& matrix, std::int64_t position) {
  for (std::int64_t i = 0; i < matrix.channels; ++i)
    for (std::int64_t j = 0; j < matrix.channels; ++j)
      SIRFP_EXPECTS(std::isfinite(entry(matrix, i, j)), "redundancy matrix ", position, ": entry (", i, ", ", j, ") is ",
                    entry(matrix, i, j), ", expected a finite number");
  for (std::int64_t i = 0; i < matrix.channels; ++i)
    for (std::int64_t j = i + 1; j < matrix.channels; ++j) {
      const double upper = entry(matrix, i, j);
      const double lower = entry(matrix, j, i);
      SIRFP_EXPECTS(std::bit_cast<std::uint64_t>(upper) == std::bit_cast<std::uint64_t>(lower), "redundancy matrix ", position, ": entry (",
                    i, ", ", j, ") is ", upper, " but (", j, ", ", i, ") is ", lower, ", expected a symmetric matrix, bit for bit");
    }
}

}  // namespace sirfp
