// Mean and covariance of a consumer site's channels over pixels and images (METHOD 4).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirfp/context.hpp"
#include "sirfp/features.hpp"

namespace sirfp {

// weight_sync = sum of pixel weights over all images; mean[c]; scatter = sum_p w (z - mean)(z - mean)^T, packed lower triangle.
// All sums are fp64 and centred, so a large mean costs no digits.
struct moments_state {
  std::int64_t channels = 0;
  std::int64_t images = 0;
  double host_weight = 0;  // all of the weight on the host; on a device the part that is not in its notes
  buffer mean;
  buffer scatter;
  buffer notes = {};  // device_notes.hpp; empty on the host
};

// Adds a batch of images. Same cost, errors and determinism as accumulate_similarity.
void accumulate_moments(const context& ctx, const feature_view& features, const pixel_weights& weights, moments_state& state);

struct moments_reading {
  feature_view features;
  pixel_weights weights;
  moments_state* state = nullptr;
};
// Of several sites, as several readings of accumulate_similarity.
void accumulate_moments(const context& ctx, std::span<const moments_reading> readings);

// Adds `other` (Chan's pairwise update); equal to having accumulated both (bit for bit when `other` is one batch).
void merge(const context& ctx, moments_state& state, const moments_state& other);

// A copy where `ctx` computes. Waits for the state's notes, and for all of it where it lies elsewhere. Throws what the notes say.
moments_state copied_sync(const context& ctx, const moments_state& state);

struct moments {
  std::int64_t channels = 0;
  double weight = 0;
  std::vector<double> mean;        // [C]
  std::vector<double> covariance;  // packed lower triangle, scatter / weight (0 where the weight is 0)
};
// The sum of the pixel weights; waits for the device.
double weight_sync(const moments_state& state);

// On the host; waits for the device.
moments moments_sync(const moments_state& state);

// Parts of them without the whole matrix crossing to the host; of another device or stream it does. Both throw what moments_sync throws,
// and out_of_memory.
std::vector<double> variances_sync(const context& ctx, const moments_state& state);  // [C], on the host; waits for the device
// [C x C], symmetric, where `ctx` computes and in the order of its stream; moments that lie elsewhere are copied there first. Waits for the
// state's notes.
buffer covariance_sync(const context& ctx, const moments_state& state);

}  // namespace sirfp
