// How a batch of feature maps becomes Gram matrices: which kernel, tiles, pixel ranges, workspace. A pure function of plain numbers.
#pragma once

#include <cstdint>

#include "device/launch.hpp"
#include "sirfp/cuda_options.hpp"
#include "sirfp/device_facts.hpp"
#include "sirfp/features.hpp"

namespace sirfp {

enum class gram_recipe : std::uint8_t {
  copied,   // 16-bit values as they are, by cp.async: similarity without weights, pixels contiguous and aligned
  shifted,  // the same, pixels contiguous, aligned or not
  wgmma,    // the same as `copied` for more than one large tile, by the copy engine and wgmma: sm_90a, only where it is asked for
  native,   // 16-bit values as they are, through registers: similarity without weights, any strides
  split,    // sqrt(w) (x - shift) as two f16 terms, three products: everything else
  plain     // fp64 throughout, no tensor cores: the `strict` option
};

struct gram_request {
  std::int64_t images = 0, channels = 0, pixels = 0;
  dtype type = dtype::f32;
  bool weighted = false;
  bool centred = false;              // moments
  bool contiguous_pixels = false;    // all pixels of a channel in a row
  bool contiguous_channels = false;  // and not the pixels: neighbouring threads take neighbouring channels
  bool aligned = false;              // 16 bytes, the data and the strides of images and channels
  gram_precision precision = gram_precision::standard;
  bool in_boxes = false;  // aligned, and strides that the copy engine takes: above 0 and below 2^40 bytes
  bool by_wgmma = false;  // is asked for
};

gram_request request_of(const feature_view& features, const pixel_weights& weights, bool centred, const cuda_options& options = {});

struct device_gram_plan {
  dtype type = dtype::f32;
  gram_recipe recipe = gram_recipe::split;
  int side = 0;                   // of a tile
  std::int64_t tiles = 0;         // of the lower triangle
  std::int64_t ranges = 0;        // an image's pixels are cut into
  std::int64_t range_pixels = 0;  // a multiple of 64
  std::int64_t images_at_once = 0;
  std::int64_t weight_blocks = 0;  // that share an image's weights
  bool wide_loads = false;         // 16 bytes a load
  bool covering_loads = false;     // the same, shifted into place
  bool channels_abreast = false;   // neighbouring threads load neighbouring channels, not pixels
  bool check_range = false;        // bf16 as it is may leave fp32: such images are done again by `split`
  // Of a group of images_at_once images, but for the last; all of these arrays together are the workspace.
  std::int64_t slot_values = 0;   // fp64: side^2 of each (image, range, tile)
  std::int64_t sum_values = 0;    // fp64: one of each (image, range, channel)
  std::int64_t total_values = 0;  // fp64: two of each (image, channel) and two of each image
  std::int64_t step_values = 0;   // fp64: one of each channel and one, moments
  std::int64_t workspace_bytes = 0;
  device::launch_shape gram;  // as many blocks as fit the device: a launch takes min(blocks, units)
  device::launch_shape again;

  std::int64_t units(std::int64_t images) const noexcept { return images * ranges * tiles; }
};

constexpr std::int64_t most_gram_channels = 65536;
constexpr std::int64_t most_gram_pixels = std::int64_t{1} << 30;

// The workspace is at most gram_tuning::workspace_bytes or what one image needs, which is below 20 MiB + 4 (C + 256)^2 bytes: half of that
// square is the lower triangle in fp64, rounded up to tiles.
// `range_pixels` cuts an image into ranges of so many (rounded up to 64) instead of the plan's own choice: for tests and measurements.
// Throws invalid_argument where a launch would exceed its limits.
device_gram_plan plan_device_gram(const gram_request& request, const device_facts& facts, std::int64_t range_pixels = 0);

// The same with half of the images at once, for half of the workspace; the same bits.
device_gram_plan with_fewer_images(device_gram_plan plan);

}  // namespace sirfp
