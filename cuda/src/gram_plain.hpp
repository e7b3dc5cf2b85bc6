// The plain Gram kernels: right for every shape, tuned for none. The fast ones are checked against them and take over from them.
#pragma once

#include <cstdint>

#include "sirfp/features.hpp"

namespace sirfp {

// What a plain pass writes; device pointers. `image` counts from the state's first image.
struct gram_target {
  double* matrix = nullptr;  // packed lower triangle, added to
  double* notes = nullptr;
  std::int64_t images_before = 0;
};

// inverse_norms[n][c] = 1 / (sum_p w |x| + epsilon); notes bad features and weights.
void launch_norms(const feature_view& features, const pixel_weights& weights, double epsilon, const gram_target& target,
                  double* inverse_norms, void* stream);
// mean[c] = sum w x / sum w over the batch (0 where the weight is 0), and the weight into the notes; notes bad features and weights.
void launch_means(const feature_view& features, const pixel_weights& weights, const gram_target& target, double* mean, void* stream);
// matrix += sum_n sum_p w x_i x_j inverse_norms[n][i] inverse_norms[n][j]
void launch_scaled_gram(const feature_view& features, const pixel_weights& weights, const double* inverse_norms, const gram_target& target,
                        void* stream);
// matrix += sum_n sum_p w (x_i - mean_i) (x_j - mean_j)
void launch_centred_gram(const feature_view& features, const pixel_weights& weights, const double* mean, const gram_target& target,
                         void* stream);

}  // namespace sirfp
