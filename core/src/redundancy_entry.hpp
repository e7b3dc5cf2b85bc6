// |R| of two channels in the wanted scale, from a packed sum of it. Each operation rounds by itself, so that every backend has the same
// bits.
#pragma once

#include <cmath>
#include <cstdint>

#include "also_device.hpp"
#include "sirfp/redundancy_sum.hpp"

namespace sirfp {

struct redundancy_entry {
  const double* packed = nullptr;
  double images = 1;  // that the sum is of
  double pixels = 1;  // a factor
  bool cosine = false;

  SIRFP_ALSO_DEVICE double mean(std::int64_t p, std::int64_t q) const {
    return std::fabs(packed[p >= q ? p * (p + 1) / 2 + q : q * (q + 1) / 2 + p] / images);  // packed_index, which is the host's
  }
  SIRFP_ALSO_DEVICE double of(std::int64_t p, std::int64_t q) const {
    if (!cosine) return mean(p, q) * pixels;
    const double both = std::sqrt(mean(p, p)) * std::sqrt(mean(q, q));
    return both > 0 ? mean(p, q) / both : 0;  // a channel that is zero everywhere resembles nothing
  }
};

inline redundancy_entry entry_of(const similarity_state& layer, redundancy_scale scale, std::int64_t pixels) {
  return {.packed = layer.matrix.data(),
          .images = layer.mode == accumulation::ema ? 1 : static_cast<double>(layer.images),
          .pixels = scale == redundancy_scale::resolution_neutral ? static_cast<double>(pixels) : 1,
          .cosine = scale == redundancy_scale::cosine};
}

}  // namespace sirfp
