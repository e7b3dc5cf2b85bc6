// The small passes before and behind the Gram kernels: weights, shifts, totals, and what becomes of the slots. Of sites that share
// launches.
#pragma once

#include <cstdint>

#include "feature_reader.cuh"
#include "gram_sites.hpp"

namespace sirfp {

// parts[image][block] = sum of a block of weights; notes bad ones. Numbers are blocks.
struct weight_job {
  const float* weights;
  std::int64_t image_stride, pixels, blocks;
  double* notes;
  std::int64_t images_before;
  double* parts;
};
static_assert(fits_parameters<weight_job>);
void launch_gram_weights(const site_row<weight_job>& sites, void* stream);

// shifts[image][channel]. Numbers are warps, one a shift.
template <class Element>
struct shift_job {
  feature_reader<Element> features;
  std::int64_t channels;
  float* shifts;
};
static_assert(fits_parameters<shift_job<float>>);
template <class Element>
void launch_gram_shifts(const site_row<shift_job<Element>>& sites, void* stream);

// What the slots of a site's images are finished with; device pointers.
struct gram_results {
  const double* slots;         // [image][range][tile][side][side]
  const double* sums;          // [image][range][channel]
  const double* weight_parts;  // [image][weight_blocks]
  const float* shifts;         // [image][channel]
  // From launch_gram_totals: 1 / norm, or the residual sum w (x - shift) and the step from the mean of the images before.
  double* totals;  // [image][channel][2]
  double* images;  // [image][2]: 1 / weight and the weight of the step's outer product
  double* steps;   // [channel + 1], joins: from the state's mean to the batch's, and the weight of its outer product
  double* matrix;  // packed
  double* mean;    // [channel]; null: similarity
  double* notes;
  double epsilon, keep, share, host_weight;  // of gram_target
  std::int64_t count, channels, pixels;      // `count` images
  std::int64_t tiles, ranges, weight_blocks;
  std::int32_t side;
  bool joins;
};
static_assert(fits_parameters<gram_results>);
using gram_results_row = site_row<gram_results>;

// Similarity: 1 / (sum + epsilon). Moments: also mean and the weight in the notes, image after image, and of the state if they join one.
void launch_gram_totals(const gram_results* sites, std::int32_t count, void* stream);
// The sum over the images of G_ij / (n_i n_j), or of the centred products, is added to the matrix, or joins it (gram_target::joins).
void launch_gram_finish(const gram_results* sites, std::int32_t count, void* stream);

}  // namespace sirfp
