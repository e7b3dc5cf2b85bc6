// Joint elimination (METHOD 4): removes the channel that the others predict best, weighed by what its consumers would miss.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirfp/context.hpp"

namespace sirfp {

// One consumer site: the covariance of its positions and the consumers' metric, both symmetric [n x n] row-major, on the host or in the
// backend's memory, and for every position the channel of the joint group that stands there (-1: never removed, such as a locked input).
struct schur_site {
  std::int64_t positions = 0;
  const double* covariance = nullptr;  // Sigma; the lower triangle is read
  const double* metric = nullptr;      // M; likewise
  std::span<const std::int32_t> channel;
  memory_space space = memory_space::host;  // of both matrices
};

// One of several groups that are eliminated together because they share sites: channels first ... first + channels - 1, `remove` of which
// go.
struct schur_quota {
  std::int32_t first = 0;
  std::int32_t channels = 0;
  std::int32_t remove = 0;
};

struct schur_options {
  double lambda = 1e-3;      // P = (Sigma + lambda mean(diag Sigma) I)^-1, and at least n eps Sigma_ii on the diagonal
  std::int64_t stop_at = 0;  // channels left when it stops (more where forced_in or cost_limit say so)
  double cost_limit = -1;    // a channel may go while e_s / tr(M_s Sigma_s) is at most this at each of its sites; negative: no limit
  std::span<const std::int32_t> forced_in = {};   // never removed
  std::span<const std::int32_t> forced_out = {};  // removed first, in the order given, whatever they cost
  // Several groups, interleaved: the next removal is the cheapest channel of the group with the largest share of its quota left, ties
  // lowest index (METHOD 6). Ascending and disjoint; channels outside are never removed; excludes stop_at.
  std::span<const schur_quota> quotas = {};
  std::int64_t panel = 0;  // removals that are delayed and then applied as one matrix product; 0: chosen by size
};

struct schur_elimination {
  std::vector<std::int32_t> order;  // channels in order of removal
  std::vector<double> costs;        // e_j at its removal, summed over sites, clamped at 0
  std::vector<double> total;        // per site: tr(M Sigma), what costs are relative to
};

// Eliminates one group of `channels` channels that stand at the positions of several sites. Ties: lowest index. Bit-identical for any
// number of threads. Cost: O(sum of n^3) in blocked matrix products. Waits for the device. Throws invalid_argument on non-finite input or
// indices out of range.
schur_elimination eliminate_joint(const context& ctx, std::int64_t channels, std::span<const schur_site> sites,
                                  const schur_options& options);

}  // namespace sirfp
