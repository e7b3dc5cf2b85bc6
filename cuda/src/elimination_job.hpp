// One matrix of the batch as the kernels see it, in device memory.
#pragma once

#include <cstdint>

namespace sirfp {

struct elimination_job {
  const void* matrix;
  std::int64_t row_stride;
  void* fixed;  // [channels x stride], std::int64_t where `wide`, else std::uint32_t
  std::int64_t stride;
  std::int64_t first_row;
  std::int64_t first_tile;
  double first_scale, second_scale;  // 2^shift as a product, since the power itself may be no double
  std::int32_t channels;
  bool is_double;
  bool wide;
};

// What the scan found of a matrix.
struct elimination_finding {
  std::uint64_t largest_bits;  // of |entry| as a double; at least infinity's when an entry is not finite
  std::uint32_t asymmetric;    // not 0: some entry differs from its mirror
  std::uint32_t unused;
};

// Per row of all matrices, in order of removal.
struct elimination_results {
  std::int32_t* order;
  std::int64_t* degree;
  std::int64_t* diagonal;
};

}  // namespace sirfp
