// The weighted Gram matrix of a batch on the device, scaled or centred, added to a state.
#pragma once

#include <cstdint>

#include "sirfp/cuda_options.hpp"
#include "sirfp/device_facts.hpp"
#include "sirfp/features.hpp"

namespace sirfp {

struct device_gram_plan;

// Device pointers; `images_before` counts from the state's first image.
struct gram_target {
  double* matrix = nullptr;  // packed lower triangle, added to
  double* mean = nullptr;    // [C], moments of a zeroed state; null: similarity
  double* notes = nullptr;
  std::int64_t images_before = 0;
  double epsilon = 0;
};

void form_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, const cuda_options& options,
               const device_facts& facts, void* stream);
// By a plan that the caller has made.
void form_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, const device_gram_plan& plan,
               void* stream);

}  // namespace sirfp
