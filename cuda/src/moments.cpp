#include "sirfp/moments.hpp"

#include "cuda_backend.hpp"
#include "device/runtime.hpp"
#include "gram.hpp"

namespace sirfp {

void cuda_backend::batch_moments(const context& ctx, const feature_view& features, const pixel_weights& weights,
                                 moments_state& batch) const {
  const device::device_scope scope(device_);
  gram(ctx, features, weights, {batch.scatter.data(), batch.mean.data(), batch.notes.data(), batch.images});
}

}  // namespace sirfp
