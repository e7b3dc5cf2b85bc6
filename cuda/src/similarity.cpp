#include "sirfp/similarity.hpp"

#include "cuda_backend.hpp"
#include "device_array.hpp"
#include "gram_plain.hpp"

namespace sirfp {

void cuda_backend::batch_similarity(const context& ctx, const feature_view& features, const pixel_weights& weights,
                                    const similarity_options& options, similarity_state& sums) const {
  const device::device_scope scope(device_);
  const gram_target target{sums.matrix.data(), sums.notes.data(), sums.images};
  const device_array<double> inverse_norms(features.images * features.channels, ctx.stream);
  launch_norms(features, weights, options.epsilon, target, inverse_norms.data(), ctx.stream);
  launch_scaled_gram(features, weights, inverse_norms.data(), target, ctx.stream);
}

}  // namespace sirfp
