// The consumer metric (METHOD 4): how much an error at a site's channels is felt in its consumers' outputs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sirfp {

// One dense consumer's weight as [outputs, inputs, taps] row-major (transposed convolutions are presented so by the caller).
struct consumer_weight {
  std::span<const double> values;
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  std::int64_t taps = 0;
  // gamma_o^2 / (running_var_o + eps) / sum gamma^2 when a BatchNorm alone reads the consumer's output, else empty.
  std::span<const double> norm_gain;
};

// Adds sum_{o,t} f_o W[o,:,t] W[o,:,t]^T to `metric` [inputs x inputs], row-major, symmetric. With a BatchNorm f_o = gain_o: the error
// relative to the BatchNorm's output; otherwise f = 1 / tr(sum_t W_t Sigma W_t^T), Sigma the site's covariance (packed lower
// triangle): relative to the consumer's own output. A consumer whose denominator is 0 (zero weights, dead site) adds nothing.
// Cost: outputs * taps * inputs^2 multiply-adds in BLAS. Throws invalid_argument when shapes disagree or a weight or gain is not finite.
void add_consumer_metric(const consumer_weight& consumer, std::span<const double> covariance, std::vector<double>& metric);

}  // namespace sirfp
