// The plain Gram kernels: fp64 from the first product on, right for every shape, tuned for none. `gram_precision::strict` asks for them.
#pragma once

#include "gram.hpp"

namespace sirfp {

// Two passes over the batch, as the reference: norms or means first, then the products.
void form_plain_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, void* stream);

}  // namespace sirfp
