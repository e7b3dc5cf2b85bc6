// The weighted Gram matrix of a batch on the device, scaled or centred, added to a batch's sums or to a state.
#pragma once

#include <cstdint>
#include <span>

#include "sirfp/cuda_options.hpp"
#include "sirfp/device_facts.hpp"
#include "sirfp/features.hpp"

namespace sirfp {

struct device_gram_plan;

// Device pointers; `images_before` counts from the state's first image.
struct gram_target {
  double* matrix = nullptr;  // packed lower triangle
  double* mean = nullptr;    // [C], moments; null: similarity
  double* notes = nullptr;
  std::int64_t images_before = 0;
  double epsilon = 0;
  // false: image after image is added; moments to zeros or what earlier images of the batch have left there. true: the batch is summed by
  // itself and joins a state, as a batch that was kept apart would be merged, to the same bits: matrix = keep matrix + share batch,
  // or Chan's update, where `host_weight` is what the state's weight has beside its notes. Its images are taken at once.
  bool joins = false;
  double keep = 1;
  double share = 1;
  double host_weight = 0;
};

struct gram_job {
  feature_view features;
  pixel_weights weights;
  gram_target target;
};

// Does not join.
void form_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, const cuda_options& options,
               const device_facts& facts, void* stream);
// By a plan that the caller has made.
void form_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, const device_gram_plan& plan,
               void* stream);
// In one launch of each kernel, by plans of one group (gram_groups.hpp), all similarity or all moments. Throws device::out_of_memory before
// the first launch.
void form_grams(std::span<const gram_job> jobs, std::span<const device_gram_plan> plans, void* stream);

}  // namespace sirfp
