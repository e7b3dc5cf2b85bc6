// How a batch of feature maps becomes Gram matrices by cuBLAS: read where it lies or laid out anew, how many images at a time. A pure
// function of plain numbers.
#pragma once

#include <cstdint>

#include "device/launch.hpp"
#include "sirfp/features.hpp"

namespace sirfp {

struct gram_cublas_plan {
  feature_view features;       // the batch, its pixels in one row where their distances are equal
  bool staged = false;         // fp32 copies sqrt(w) (x - mean), dense
  bool adjacent_rows = false;  // neighbours in memory are channels, not pixels
  std::int64_t pitch = 0;      // elements from a channel to the next, or from a pixel to the next
  std::int64_t stride = 0;     // elements from an image to the next
  std::int64_t ranges = 0;     // of pixels, that norms and means are summed in
  std::int64_t images_at_once = 0;
  // Working memory, in values: sums of the whole batch in fp64; copies and full squares of a group of images_at_once images in fp32.
  std::int64_t part_values = 0;
  std::int64_t staged_values = 0;
  std::int64_t square_values = 0;
  device::launch_shape sums;    // a block a range of a channel of an image
  device::launch_shape norms;   // a warp a channel of an image
  device::launch_shape means;   // a warp a channel
  device::launch_shape stage;   // a thread a value of a group
  device::launch_shape finish;  // a thread an entry of the square
};

// Copies and squares are at most gram_tuning::workspace_bytes, or what one image needs. Throws invalid_argument where a launch would
// exceed its limits.
gram_cublas_plan plan_gram_cublas(const feature_view& features, bool weighted, bool centred);

}  // namespace sirfp
