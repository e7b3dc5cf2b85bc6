#include "sirfp/similarity.hpp"

#include <cmath>

#include "../batch_states.hpp"
#include "element.hpp"
#include "reference_backend.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

std::vector<double> norms_of(const feature_view& features, const pixel_weights& weights, double epsilon, std::int64_t n) {
  std::vector<double> norms;
  for (std::int64_t c = 0; c < features.channels; ++c) {
    double sum = 0;
    for (std::int64_t p = 0; p < features.pixels(); ++p) sum += weight_of(weights, n, p) * std::abs(element(features, n, c, p));
    if (!std::isfinite(sum)) throw non_finite_error(n, c);
    norms.push_back(sum + epsilon);
  }
  return norms;
}

}  // namespace

void reference_backend::add_similarity(const context& ctx, std::span<const similarity_reading> readings,
                                       const similarity_options& options) const {
  for (const similarity_reading& each : readings)
    add_batch(ctx, each, options, [&](similarity_state& sums) { batch_similarity(ctx, each.features, each.weights, options, sums); });
}

void reference_backend::batch_similarity(const context&, const feature_view& features, const pixel_weights& weights,
                                         const similarity_options& options, similarity_state& sums) const {
  double* matrix = sums.matrix.data();
  for (std::int64_t n = 0; n < features.images; ++n) {
    const std::vector<double> norms = norms_of(features, weights, options.epsilon, n);
    for (std::int64_t i = 0; i < features.channels; ++i)
      for (std::int64_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::int64_t p = 0; p < features.pixels(); ++p)
          sum += weight_of(weights, n, p) * element(features, n, i, p) * element(features, n, j, p);
        matrix[packed_index(i, j)] += sum / norms[static_cast<std::size_t>(i)] / norms[static_cast<std::size_t>(j)];
      }
  }
}

}  // namespace sirfp
