#include "sirfp/similarity.hpp"

#include "cuda_backend.hpp"
#include "device/runtime.hpp"
#include "gram.hpp"

namespace sirfp {

void cuda_backend::batch_similarity(const context& ctx, const feature_view& features, const pixel_weights& weights,
                                    const similarity_options& options, similarity_state& sums) const {
  const device::device_scope scope(device_);
  form_gram(features, weights, {sums.matrix.data(), nullptr, sums.notes.data(), sums.images, options.epsilon}, options_.precision, facts_,
            ctx.stream);
}

}  // namespace sirfp
