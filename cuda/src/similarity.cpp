#include "sirfp/similarity.hpp"

#include "cuda_backend.hpp"
#include "device/runtime.hpp"
#include "gram.hpp"
#include "gram_cublas.hpp"

namespace sirfp {

void cuda_backend::gram(const context& ctx, const feature_view& features, const pixel_weights& weights, const gram_target& target) const {
  if (options_.engine == gram_engine::cublas)
    form_gram_by_cublas(features, weights, target, libraries_.products(), ctx.stream);
  else
    form_gram(features, weights, target, options_, facts_, ctx.stream);
}

void cuda_backend::batch_similarity(const context& ctx, const feature_view& features, const pixel_weights& weights,
                                    const similarity_options& options, similarity_state& sums) const {
  const device::device_scope scope(device_);
  gram(ctx, features, weights, {sums.matrix.data(), nullptr, sums.notes.data(), sums.images, options.epsilon});
}

}  // namespace sirfp
