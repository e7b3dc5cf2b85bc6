// Edge score of channels (METHOD 2): the spread of the Sobel magnitude, an optional importance prior.
#pragma once

#include <cstdint>
#include <vector>

#include "sirfp/context.hpp"
#include "sirfp/features.hpp"

namespace sirfp {

struct edge_state {
  std::int64_t channels = 0;
  std::int64_t images = 0;
  buffer sum;         // [C], sum over images of sqrt(variance of v over the pixels)
  buffer notes = {};  // device_notes.hpp; empty on the host
};

// v = sqrt(gx^2 + gy^2) by 3x3 kernels [[-.5,0,.5],[-1,0,1],[-.5,0,.5]] and its transpose, zero padding 1. Adds sqrt(var_p(v)) of every
// image (population variance, two-pass or Welford: never NaN on finite input). Throws like accumulate_similarity.
void accumulate_edge_score(const context& ctx, const feature_view& features, edge_state& state);
void merge(const context& ctx, edge_state& state, const edge_state& other);
// Mean over images, on the host; waits for the device.
std::vector<double> edge_score_sync(const edge_state& state);

}  // namespace sirfp
