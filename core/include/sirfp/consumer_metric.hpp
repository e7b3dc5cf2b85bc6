// The consumer metric (METHOD 4): how much an error at a site's channels is felt in its consumers' outputs.
#pragma once

#include <cstdint>
#include <span>

#include "sirfp/context.hpp"
#include "sirfp/moments.hpp"

namespace sirfp {

// What the joint elimination is computed from, where the backend computes: both [n x n] row-major, symmetric.
struct site_matrices {
  std::int64_t positions = 0;  // n
  buffer covariance;           // Sigma
  buffer metric;               // M
};

// The covariance of measured moments, with a metric of zeros. Moments that lie elsewhere than `ctx` computes are copied there. Waits for
// the device's notes; throws invalid_argument, what they say, and out_of_memory.
site_matrices site_matrices_sync(const context& ctx, const moments_state& site);

// One dense consumer's weight as [outputs, inputs, taps] row-major on the host (transposed convolutions are presented so by the caller).
struct consumer_weight {
  std::span<const double> values;
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  std::int64_t taps = 0;
  // gamma_o^2 / (running_var_o + eps) / sum gamma^2 when a BatchNorm alone reads the consumer's output, else empty.
  std::span<const double> norm_gain;
};

// Adds sum_{o,t} f_o W[o,:,t] W[o,:,t]^T to the site's metric. With a BatchNorm f_o = gain_o: the error relative to the BatchNorm's output;
// otherwise f = 1 / tr(sum_t W_t Sigma W_t^T): relative to the consumer's own output. A consumer whose denominator is 0 (zero weights, dead
// site) adds nothing. Cost: outputs * taps * n^2 multiply-adds in BLAS; waits for nothing. Throws invalid_argument when shapes disagree or
// a weight or gain is not finite.
void add_consumer_metric(const context& ctx, const consumer_weight& consumer, site_matrices& site);

}  // namespace sirfp
