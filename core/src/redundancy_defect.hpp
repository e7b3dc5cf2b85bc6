// What makes a redundancy matrix unusable. Backends look for it in the pass that they make anyway and come here to word it.
#pragma once

#include <cstdint>

#include "sirfp/elimination.hpp"

namespace sirfp {

// |A_ij| of a matrix on the host.
double redundancy_magnitude(const redundancy_matrix& matrix, std::int64_t row, std::int64_t column) noexcept;

// Throws invalid_argument naming the first entry (row by row) that is not finite; else the first that differs from its mirror in any bit.
void expect_redundancy(const redundancy_matrix& matrix, std::int64_t position_in_batch);

}  // namespace sirfp
