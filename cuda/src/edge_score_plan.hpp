// How a batch of feature maps is shared out for the edge score.
#pragma once

#include <cstdint>

#include "device/launch.hpp"

namespace sirfp {

struct edge_score_plan {
  int channels_abreast = 1;      // of a block; a power of two
  int workers = 1;               // threads that share a channel of it; a power of two, channels_abreast * workers = threads of the block
  bool channel_fastest = false;  // neighbouring threads: neighbouring channels, else neighbouring patches
  std::int64_t patches_across = 0;
  std::int64_t patches = 0;         // of a map
  std::int64_t splits = 1;          // blocks that share a map
  std::int64_t channel_groups = 1;  // blocks that share an image's channels
  std::int64_t spreads = 0;         // partial results: [images][channels][splits]
  device::launch_shape partial;
  device::launch_shape finish;
};

// Throws invalid_argument where a grid would have more blocks than a launch takes.
edge_score_plan plan_edge_score(std::int64_t images, std::int64_t channels, std::int64_t height, std::int64_t width,
                                std::int64_t channel_stride, std::int64_t column_stride);

}  // namespace sirfp
