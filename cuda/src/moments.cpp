#include "sirfp/moments.hpp"

#include "cuda_backend.hpp"
#include "device_array.hpp"
#include "gram_plain.hpp"

namespace sirfp {

// Two passes over the batch, as the reference: means first, then the centred products.
void cuda_backend::batch_moments(const context& ctx, const feature_view& features, const pixel_weights& weights,
                                 moments_state& batch) const {
  const device::device_scope scope(device_);
  const gram_target target{batch.scatter.data(), batch.notes.data(), batch.images};
  launch_means(features, weights, target, batch.mean.data(), ctx.stream);
  launch_centred_gram(features, weights, batch.mean.data(), target, ctx.stream);
}

}  // namespace sirfp
