// Sums over the pixels of one channel, by a block: what norms and means are made of. Bad features and weights are noted on the way.
#pragma once

#include <cstdint>

#include "device/shared.cuh"
#include "device/warp.cuh"
#include "feature_reader.cuh"
#include "notes.cuh"

namespace sirfp {

struct weight_reader {
  const float* data;
  std::int64_t image_stride;
  SIRFP_DEVICE double at(std::int64_t n, std::int64_t pixel) const {
    return data == nullptr ? 1.0 : static_cast<double>(data[n * image_stride + pixel]);
  }
};

// The sum over the block's threads, in all of them. Eight bytes of shared memory a warp.
SIRFP_DEVICE double block_sum(double value) {
  auto* const slots = device::shared_array<double>();
  value = device::warp_butterfly_sum(value);
  if (device::lane_index() == 0) slots[device::warp_index()] = value;
  device::block_barrier();
  double sum = 0;
  for (int w = 0; w < device::block_warps(); ++w) sum += slots[w];
  device::block_barrier();
  return sum;
}

struct channel_sums {
  double weight = 0;
  double value = 0;
  double magnitude = 0;
};

// Of this thread's pixels among first .. end of channel c of image n.
template <class Element>
SIRFP_DEVICE channel_sums sums_of(const feature_reader<Element>& features, const weight_reader& weights, std::int64_t n, std::int64_t c,
                                  std::int64_t first, std::int64_t end, double* notes, std::int64_t images_before) {
  channel_sums sums;
  for (std::int64_t p = first + device::thread_index(); p < end; p += device::block_threads()) {
    const float x = features.at(n, c, p);
    const double w = weights.at(n, p);
    if (!device::is_finite(x)) note_bad(notes, device_notes::bad_feature, images_before + n, c);
    if (!(w >= 0 && device::is_finite(static_cast<float>(w)))) note_bad(notes, device_notes::bad_weight, images_before + n, p);
    sums.weight += w;
    sums.value += w * static_cast<double>(x);
    sums.magnitude += w * static_cast<double>(x < 0 ? -x : x);
  }
  return sums;
}

}  // namespace sirfp
