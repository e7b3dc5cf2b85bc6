// The small passes before and behind the Gram kernels: weights, shifts, totals, and what becomes of the slots.
#pragma once

#include <cstdint>

#include "feature_reader.cuh"
#include "gram_plan.hpp"

namespace sirfp {

// parts[image][block] = sum of a block of weights; notes bad ones.
void launch_gram_weights(const pixel_weights& weights, std::int64_t images, std::int64_t pixels, std::int64_t blocks, double* notes,
                         std::int64_t images_before, double* parts, void* stream);
// shifts[image][channel]
template <class Element>
void launch_gram_shifts(const feature_reader<Element>& features, std::int64_t images, std::int64_t channels, float* shifts, void* stream);

// What the slots of a group are finished with; device pointers.
struct gram_results {
  const double* slots;         // [image][range][tile][side][side]
  const double* sums;          // [image][range][channel]
  const double* weight_parts;  // [image][weight_blocks]
  const float* shifts;         // [image][channel]
  // From launch_gram_totals: 1 / norm, or the residual sum w (x - shift) and the step from the mean of the images before.
  double* totals;  // [image][channel][2]
  double* images;  // [image][2]: 1 / weight and the weight of the step's outer product
  double* matrix;  // packed, added to
  double* mean;    // [channel]; null: similarity
  double* notes;
  double epsilon;
  std::int64_t count, channels, pixels;  // `count` images
};

// Similarity: 1 / (sum + epsilon). Moments: also mean and the weight in the notes, image after image.
void launch_gram_totals(const device_gram_plan& plan, const gram_results& results, void* stream);
// matrix += sum over the images of G_ij / (n_i n_j), or of the centred products
void launch_gram_finish(const device_gram_plan& plan, const gram_results& results, void* stream);

}  // namespace sirfp
