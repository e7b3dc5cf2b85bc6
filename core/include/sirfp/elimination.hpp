// Pairwise greedy elimination (METHOD 3): the authors' destructive greedy for the maximum edge weight clique, all widths in one run.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirfp/context.hpp"

namespace sirfp {

// A symmetric redundancy matrix, full square, row-major, on the host or in the backend's memory space. The entries' absolute values
// are used, so a signed mean can be passed as it is.
struct redundancy_matrix {
  const void* data = nullptr;
  bool is_double = false;  // float otherwise
  std::int64_t channels = 0;
  std::int64_t row_stride = 0;  // in elements
};

struct elimination {
  std::vector<std::int32_t> order;  // order[0] is removed first
  std::vector<double> marginals;    // marginals[t] = degree of order[t] when it was removed; never increases along the order
  std::vector<double> curve;  // curve[t] = total redundancy (diagonal included) left among the channels alive after t removals; size C + 1
};

// Removes the channel of largest degree until none is left; ties: lowest index. Degrees are int64 fixed point with scale 2^(40-e), e the
// least integer with C max_ij |A_ij| <= 2^e, each entry rounded once to nearest even, so every backend gives the same order bit for bit.
// O(C^2) a matrix. Waits for the device. Throws invalid_argument for a non-finite entry (names matrix, row, column) or a matrix that is not
// symmetric bit for bit.
std::vector<elimination> eliminate(const context& ctx, std::span<const redundancy_matrix> matrices);

}  // namespace sirfp
