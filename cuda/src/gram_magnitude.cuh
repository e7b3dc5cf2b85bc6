// What becomes of the sum of |x| of a channel over a unit's range, where 16-bit values are multiplied as they are.
#pragma once

#include "device/atomics.cuh"
#include "gram_task.cuh"
#include "notes.cuh"

namespace sirfp {

// With larger sums of |x|, 4,096 products of bf16 may leave fp32.
constexpr float largest_native_sum = 1e17F;

// Larger sums and NaN mark the image, to be done again by two terms, or, where that is no way out, note the channel.
template <class Half>
SIRFP_DEVICE void put_magnitude(const gram_task<Half>& task, const gram_unit& unit, std::int32_t channel, double sum) {
  if (channel >= task.channels) return;
  task.sums[(std::int64_t{unit.image} * task.ranges + unit.range) * task.channels + channel] = sum;
  if (sum < static_cast<double>(largest_native_sum)) return;
  if (task.again != nullptr)
    device::atomic_or(task.again + unit.image, 1U);
  else
    note_bad(task.notes, device_notes::bad_feature, task.images_before + unit.image, channel);
}

}  // namespace sirfp
