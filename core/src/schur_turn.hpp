// The rule by which groups take turns in a joint elimination, and what keeps a channel from being removed.
#pragma once

#include <cstdint>

#include "also_device.hpp"

namespace sirfp {

// Channels first ... last - 1 of one group: `left` of the `all` that are to go.
struct schur_turn {
  std::int64_t first, last, left, all;

  // A larger share of its quota is left. Equal shares: the caller takes the lower index.
  SIRFP_ALSO_DEVICE bool comes_before(const schur_turn& other) const { return left * other.all > other.left * all; }
};

// The largest cost of a channel over its sites, relative to the site's total, under the caller's limit (negative: none).
SIRFP_ALSO_DEVICE inline bool is_below_limit(double relative, double limit) { return !(limit >= 0) || relative <= limit; }

}  // namespace sirfp
