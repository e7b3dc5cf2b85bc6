// What the fast kernels do when a sum shows that an image is out of their range.
#pragma once

#include <cstdint>

#include "sirfp/features.hpp"

namespace sirfp {

// Throws non_finite_error naming the lowest channel of the image that holds a NaN or an infinity; returns when there is none.
void require_finite(const feature_view& features, std::int64_t image);
// The same view of one image, and its weights.
feature_view one_image(const feature_view& features, std::int64_t image) noexcept;
pixel_weights one_image(const pixel_weights& weights, std::int64_t image) noexcept;

}  // namespace sirfp
