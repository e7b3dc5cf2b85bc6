#include "finite.hpp"

#include <cmath>
#include <cstddef>

#include "../reference/element.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {

void require_finite(const feature_view& features, std::int64_t image) {
  for (std::int64_t c = 0; c < features.channels; ++c)
    for (std::int64_t p = 0; p < features.pixels(); ++p)
      if (!std::isfinite(element(features, image, c, p))) throw non_finite_error(image, c);
}

feature_view one_image(const feature_view& features, std::int64_t image) noexcept {
  feature_view one = features;
  one.data =
      static_cast<const std::byte*>(features.data) + image * features.image_stride * static_cast<std::int64_t>(size_of(features.type));
  one.images = 1;
  return one;
}

pixel_weights one_image(const pixel_weights& weights, std::int64_t image) noexcept {
  return {weights.data == nullptr ? nullptr : weights.data + image * weights.image_stride, 0};
}

}  // namespace sirfp
