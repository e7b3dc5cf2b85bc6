// What the Gram kernels are given, and where a block stands in it. A unit of work is (image, pixel range, tile of the lower triangle); its
// result is a slot of side x side sums in fp64, and, from the tiles on the diagonal, the sums of its channels.
#pragma once

#include <cstdint>

#include "device/atomics.cuh"
#include "device/barriers.cuh"
#include "device/shared.cuh"
#include "device/triangle.cuh"
#include "feature_reader.cuh"
#include "gram_sites.hpp"

namespace sirfp {

template <class Element>
struct gram_task {
  feature_reader<Element> features;  // data from the group's first image on
  const float* weights;              // the same; null: 1
  std::int64_t weight_stride;
  const float* shifts;  // [image][channel]; null: similarity
  std::int32_t channels, pixels;
  std::int32_t tiles, ranges, range_pixels;
  std::int32_t row_pixels;  // of a row of pixels at even distances: all of them where the rows allow it
  std::int64_t pixel_stride;
  std::int64_t images_before;  // of the state and of earlier groups
  double* slots;               // [unit][side][side]
  double* sums;                // [image][range][channel]: sum w |x|, centred: sum w (x - shift)
  double* notes;
  unsigned* again;        // [image], set where bf16 as it is leaves the range of fp32; null: no such check
  const unsigned* only;   // [image], do only those that are set; null: all
  bool wide_loads;        // 16 bytes at once
  bool covering_loads;    // the same where they do not begin on boundaries (gram_octet.cuh)
  bool channels_abreast;  // neighbouring threads load neighbouring channels
};
// Of sites that share a launch; numbers are units.
template <class Element>
using gram_tasks = site_row<gram_task<Element>>;
static_assert(fits_parameters<gram_task<float>>);

// In 32 bits, which the plan sees to: these live in registers all the time.
struct gram_unit {
  std::int32_t index, image, range, first_pixel, end_pixel;
  std::int32_t first_row, first_column;  // channels
  bool diagonal;
};

template <int Side, class Element>
SIRFP_DEVICE gram_unit unit_at(const gram_task<Element>& task, std::int32_t index) {
  const bool only_tile = Side == gram_tuning::small_side;  // of its matrix
  const std::int32_t part = only_tile ? index : index / task.tiles;
  const std::int32_t range = part % task.ranges;
  const std::int32_t first = range * task.range_pixels;
  const std::int32_t end = task.range_pixels < task.pixels - first ? first + task.range_pixels : task.pixels;
  if (only_tile) return {index, part / task.ranges, range, first, end, 0, 0, true};
  const std::int32_t tile = index % task.tiles;
  const auto [row, column] = device::triangle_place_of(tile);
  return {index, part / task.ranges, range, first, end, row * Side, column * Side, row == column};
}

// The next unit from the queue, the same for the whole block; a barrier on both sides. The first 16 bytes of shared memory are its own.
SIRFP_DEVICE std::int32_t next_unit(unsigned* queue) {
  auto* const taken = device::shared_array<unsigned>();
  device::block_barrier();
  if (device::thread_index() == 0) *taken = device::atomic_add(queue, 1U);
  device::block_barrier();
  return static_cast<std::int32_t>(*taken);
}
constexpr std::size_t queue_bytes = 16;

}  // namespace sirfp
