// Sobel magnitudes of packed rows and their moments: the inner loop of the edge score.
#pragma once

#include <cstdint>

#include "simd.hpp"

namespace sirfp {

// 16 channels at once: rows of `width` pixels, 16 floats a pixel. `above`, `middle`, `below` are the rows around the one to do (a row of
// zeros beyond the border). Writes v = sqrt(gx^2 + gy^2) of each pixel, zero beyond the ends of the rows.
using sobel_kernel = void (*)(const float* above, const float* middle, const float* below, std::int64_t width, float* magnitudes);

// Count, mean and sum of squared deviations of v per channel, merged by Chan's update: exact to fp32 rounding of v for any mean.
struct running_spread {
  double count = 0;
  double mean[lane_count] = {};
  double squares[lane_count] = {};
};
using spread_kernel = void (*)(const float* magnitudes, std::int64_t pixels, running_spread& spread);

struct edge_kernels {
  sobel_kernel sobel = nullptr;
  spread_kernel spread = nullptr;
};
const edge_kernels& edge_kernels_for(simd_level level) noexcept;

}  // namespace sirfp
