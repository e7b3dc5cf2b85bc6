#include "sirfp/moments.hpp"

#include <cmath>

#include "../batch_states.hpp"
#include "element.hpp"
#include "reference_backend.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {

void reference_backend::add_moments(const context& ctx, std::span<const moments_reading> readings) const {
  for (const moments_reading& each : readings)
    add_batch(ctx, each, [&](moments_state& batch) { batch_moments(ctx, each.features, each.weights, batch); });
}

// Two passes over the whole batch: means first, then the centred products.
void reference_backend::batch_moments(const context&, const feature_view& features, const pixel_weights& weights,
                                      moments_state& batch) const {
  const std::int64_t pixels = features.pixels();
  double* mean = batch.mean.data();
  double* scatter = batch.scatter.data();
  for (std::int64_t n = 0; n < features.images; ++n) {
    for (std::int64_t p = 0; p < pixels; ++p) batch.host_weight += weight_of(weights, n, p);
    for (std::int64_t c = 0; c < features.channels; ++c) {
      double sum = 0;
      for (std::int64_t p = 0; p < pixels; ++p) sum += weight_of(weights, n, p) * element(features, n, c, p);
      if (!std::isfinite(sum)) throw non_finite_error(n, c);
      mean[c] += sum;
    }
  }
  for (std::int64_t c = 0; c < features.channels; ++c) mean[c] = batch.host_weight > 0 ? mean[c] / batch.host_weight : 0;
  for (std::int64_t n = 0; n < features.images; ++n)
    for (std::int64_t i = 0; i < features.channels; ++i)
      for (std::int64_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::int64_t p = 0; p < pixels; ++p)
          sum += weight_of(weights, n, p) * (element(features, n, i, p) - mean[i]) * (element(features, n, j, p) - mean[j]);
        scatter[packed_index(i, j)] += sum;
      }
}

}  // namespace sirfp
