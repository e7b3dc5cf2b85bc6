// A stage of 32 pixels through registers, for maps that no asynchronous copy can take as they are: any strides, any alignment, weights,
// shifts, fp32. A thread always loads the same 8 of the 32 pixels, of one channel in every `threads / 4`.
#pragma once

#include <cstdint>

#include "device/vectors.cuh"
#include "gram_multiply.cuh"
#include "gram_octet.cuh"
#include "gram_task.cuh"
#include "notes.cuh"

namespace sirfp {

template <int Side>
struct stage_place {
  static constexpr int threads = warp_part<Side, Side / 2>::threads;
  static constexpr int step = threads / 4;       // rows between a thread's items
  static constexpr int items = 2 * Side / step;  // the first half are rows of the tile, the second half its columns
  int first, octet_index;

  SIRFP_DEVICE static stage_place of(bool channels_abreast) {
    const int thread = device::thread_index();
    if (channels_abreast) return {device::warp_index() / 4 * device::warp_size + device::lane_index(), device::warp_index() % 4};
    return {thread / 4, thread % 4};
  }
  SIRFP_DEVICE int row(int item) const { return first + item * step; }
};

// Sums of eight values of fp32 may leave it: they are taken of 2^-8 of the weights.
constexpr float sum_unit = 256;

template <class Element>
SIRFP_DEVICE float weight_at(const gram_task<Element>& task, std::int64_t image, std::int32_t pixel, std::int32_t end) {
  return task.weights == nullptr || pixel >= end ? 1.0F : task.weights[image * task.weight_stride + pixel];
}

SIRFP_DEVICE std::uint32_t magnitude_of(float value) { return device::float_to_bits(value) & 0x7fffffffU; }

// Two planes of f16 terms; 16 bytes each.
SIRFP_DEVICE void store_terms(const float (&y)[octet], float scale, unsigned char* to, std::size_t term_bytes) {
  device::vector_of<std::uint32_t, 4> high, low;
  SIRFP_UNROLL for (int k = 0; k < octet; k += 2) {
    const float a = y[k] * scale;
    const float b = y[k + 1] * scale;
    const device::f16 a_high = device::round_to_f16(a);
    const device::f16 b_high = device::round_to_f16(b);
    high[k / 2] = device::pack_pair(a_high, b_high);
    low[k / 2] = device::pack_pair(device::round_to_f16(a - device::to_float(a_high)), device::round_to_f16(b - device::to_float(b_high)));
  }
  device::store_vector(reinterpret_cast<std::uint32_t*>(to), high);
  device::store_vector(reinterpret_cast<std::uint32_t*>(to + term_bytes), low);
}

template <class Half>
SIRFP_DEVICE void store_raw(const device::vector_of<Half, octet>& values, unsigned char* to) {
  device::vector_of<std::uint32_t, 4> pairs;
  SIRFP_UNROLL for (int k = 0; k < octet; k += 2) pairs[k / 2] = device::pack_pair(values[k], values[k + 1]);
  device::store_vector(reinterpret_cast<std::uint32_t*>(to), pairs);
}

// The sums of a diagonal tile's channels: each thread's part, 4 of them a channel, added in order. Barriers on both sides.
template <int Side, class Element>
SIRFP_DEVICE void write_sums(const gram_task<Element>& task, const gram_unit& unit, const stage_place<Side>& place, const double* part,
                             double* parts) {
  device::block_barrier();
  SIRFP_UNROLL for (int i = 0; i < stage_place<Side>::items / 2; ++i) parts[place.row(i) * 4 + place.octet_index] = part[i];
  device::block_barrier();
  double* const to = task.sums + (std::int64_t{unit.image} * task.ranges + unit.range) * task.channels;
  for (int c = device::thread_index(); c < Side; c += stage_place<Side>::threads) {
    const std::int32_t channel = unit.first_row + c;
    if (channel < task.channels) to[channel] = (parts[4 * c] + parts[4 * c + 1]) + (parts[4 * c + 2] + parts[4 * c + 3]);
  }
}

}  // namespace sirfp
