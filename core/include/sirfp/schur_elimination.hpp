// Joint elimination (METHOD 4): removes the channel that the others predict best, weighed by what its consumers would miss.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirfp/context.hpp"

namespace sirfp {

// One consumer site: the covariance of its positions and the consumers' metric, both symmetric [n x n] row-major on the host, and for
// every position the channel of the joint group that stands there (-1: never removed, such as a locked input).
struct schur_site {
  std::int64_t positions = 0;
  const double* covariance = nullptr;  // Sigma
  const double* metric = nullptr;      // M
  std::span<const std::int32_t> channel;
};

struct schur_options {
  double lambda = 1e-3;             // P = (Sigma + lambda mean(diag Sigma) I)^-1
  std::int64_t stop_at = 0;         // channels left when it stops
  double cost_limit = -1;           // stop before the first removal whose relative cost exceeds this; negative: no limit
  std::span<const std::int32_t> forced_in = {};   // never removed
  std::span<const std::int32_t> forced_out = {};  // removed first, in the order given
};

struct schur_elimination {
  std::vector<std::int32_t> order;   // channels in order of removal
  std::vector<double> costs;         // e_j at its removal, summed over sites, clamped at 0
  std::vector<double> total;         // per site: tr(M Sigma), what costs are relative to
};

// Eliminates one group of `channels` channels that stand at the positions of several sites. Ties: lowest index. Bit-identical for any
// number of threads. Cost: O(sum of n^3) in blocked matrix products. Throws invalid_argument on non-finite input or indices out of range.
schur_elimination eliminate_joint(const context& ctx, std::int64_t channels, std::span<const schur_site> sites, const schur_options& options);

}  // namespace sirfp
