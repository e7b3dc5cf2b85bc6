#include "gram_cublas.hpp"

#include <algorithm>
#include <cstddef>

#include "device_array.hpp"

namespace sirfp {

void form_gram_by_cublas(const feature_view& features, const pixel_weights& weights, const gram_target& target,
                         const device::matrix_multiplier& library, void* stream) {
  const bool centred = target.mean != nullptr;
  const gram_cublas_plan plan = plan_gram_cublas(features, weights.data != nullptr, centred);
  const cublas_passes passes{plan, weights, target, stream};
  const device_array<double> parts(plan.part_values, stream);
  const device_array<double> norms(centred ? 0 : features.images * features.channels, stream);
  const device_array<float> staged(plan.staged_values, stream);
  const device_array<float> squares(plan.square_values, stream);
  passes.sum(parts.data());
  if (centred)
    passes.means_of(parts.data());
  else
    passes.norms_of(parts.data(), norms.data());
  device::matrix_batch batch{plan.staged ? staged.data() : features.data,
                             plan.staged ? dtype::f32 : features.type,
                             0,
                             features.channels,
                             features.pixels(),
                             plan.adjacent_rows,
                             plan.pitch,
                             plan.stride};
  const auto image_bytes = static_cast<std::int64_t>(size_of(features.type)) * features.image_stride;
  for (std::int64_t first = 0; first < features.images; first += plan.images_at_once) {
    batch.count = std::min(plan.images_at_once, features.images - first);
    if (plan.staged)
      passes.stage(first, batch.count, staged.data());
    else
      batch.values = static_cast<const std::byte*>(features.data) + first * image_bytes;
    library.multiply_by_transposes(batch, squares.data(), stream);
    passes.finish(squares.data(), centred ? nullptr : norms.data() + first * features.channels, batch.count);
  }
}

}  // namespace sirfp
