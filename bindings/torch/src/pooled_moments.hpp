// Moments of several sites that one weight reads, as if they were one.
#pragma once

#include <vector>

#include "sirfp/moments.hpp"

namespace sirfp::adapter {

// Weighted by the sites' weights; all of equal width.
moments pooled(const std::vector<moments>& sites);

}  // namespace sirfp::adapter
