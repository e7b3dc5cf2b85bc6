// How values of any size fit into two f16 terms: a power of two a channel, chosen from what the block sees as it goes. f16 keeps 22 bits in
// two terms between 2^-14 and 2^15; below that an error of 2^-25 stays. A channel's largest value so far is brought near 2^6, so the error
// is below 2^-30 of it, and the channel may grow by 2^9 before a new power is wanted. Then (rarely, most often never after the first stage)
// the block adds its sums to fp64 under the old powers, and goes on under new ones. A channel that is still zero takes the tile's largest
// value as 2^12, and leaves it when its own first values turn out below 2^-2.
#pragma once

#include <cstdint>

#include "device/atomics.cuh"
#include "device/barriers.cuh"
#include "device/numbers.cuh"
#include "device/shared.cuh"

namespace sirfp {

constexpr std::uint32_t infinity_bits = 0x7f800000U;  // as magnitudes, bits are in the order of the values, NaN above all

SIRFP_DEVICE float power_of_two(int exponent) {
  exponent = exponent < -126 ? -126 : exponent;
  return device::bits_to_float(exponent > 127 ? infinity_bits : static_cast<std::uint32_t>(exponent + 127) << 23);
}

// At byte `At` of shared memory, which is where it lives: an object of it is empty.
template <int Rows, std::size_t At>
class channel_ranges {
 public:
  static constexpr std::size_t bytes = Rows * 24 + 16;

  // A barrier has to follow.
  SIRFP_DEVICE void clear() {
    for (int c = device::thread_index(); c < Rows; c += device::block_threads()) {
      inverses()[c] = 1;
      scales()[c] = 1;
      lows()[c] = highs()[c] = peaks()[c] = 0;
    }
    if (device::thread_index() == 0) *tile_peak() = 0, *stage_wanted() = -1;
  }
  // `largest`: bits of a magnitude. Zeros fit any range.
  SIRFP_DEVICE bool fits(int channel, std::uint32_t largest) const {
    return largest == 0 || (largest >= lows()[channel] && largest < highs()[channel]);
  }
  // Says before a barrier that stage `stage` needs new powers; asks behind it.
  SIRFP_DEVICE void want(int stage) { *stage_wanted() = stage; }
  SIRFP_DEVICE bool wanted(int stage) const { return *stage_wanted() == stage; }

  // New powers, in three steps with a barrier between them: every thread reports all that it has, then the channels are set.
  SIRFP_DEVICE void report(int channel, std::uint32_t largest) {
    if (largest == 0) return;
    device::atomic_max(&peaks()[channel], largest);
    device::atomic_max(tile_peak(), largest);
  }
  SIRFP_DEVICE void update() {
    for (int c = device::thread_index(); c < Rows; c += device::block_threads()) {
      const std::uint32_t peak = peaks()[c];
      peaks()[c] = 0;
      if (peak >= infinity_bits)
        set(c, 0, 0, 0xffffffffU);  // nothing to save: the image is noted
      else if (peak != 0 && !fits(c, peak))
        set_exponent(c, 6 + 127 - static_cast<int>(peak >> 23), false);
      else if (peak != 0)
        lows()[c] = 0;  // its power was a guess, and a good one
      else if (highs()[c] == 0 && *tile_peak() < infinity_bits)
        set_exponent(c, 12 + 127 - static_cast<int>(*tile_peak() >> 23), true);
    }
  }

  SIRFP_DEVICE float scale(int channel) const { return scales()[channel]; }
  SIRFP_DEVICE double inverse(int channel) const { return inverses()[channel]; }

 private:
  SIRFP_DEVICE void set_exponent(int channel, int exponent, bool provisional) {
    exponent = exponent > 100 ? 100 : exponent;  // below 2^-94 values lose digits; their squares have none in fp32
    set(channel, exponent, provisional ? device::float_to_bits(power_of_two(-2 - exponent)) : 0,
        device::float_to_bits(power_of_two(15 - exponent)));
  }
  SIRFP_DEVICE void set(int channel, int exponent, std::uint32_t low, std::uint32_t high) {
    scales()[channel] = power_of_two(exponent);
    inverses()[channel] = 1 / static_cast<double>(scales()[channel]);
    lows()[channel] = low;
    highs()[channel] = high;
  }

  static SIRFP_DEVICE double* inverses() { return device::shared_array<double>(At); }
  static SIRFP_DEVICE float* scales() { return device::shared_array<float>(At + Rows * 8); }
  static SIRFP_DEVICE std::uint32_t* lows() { return device::shared_array<std::uint32_t>(At + Rows * 12); }
  static SIRFP_DEVICE std::uint32_t* highs() { return device::shared_array<std::uint32_t>(At + Rows * 16); }
  static SIRFP_DEVICE std::uint32_t* peaks() { return device::shared_array<std::uint32_t>(At + Rows * 20); }
  static SIRFP_DEVICE std::uint32_t* tile_peak() { return device::shared_array<std::uint32_t>(At + Rows * 24); }
  static SIRFP_DEVICE int* stage_wanted() { return device::shared_array<int>(At + Rows * 24 + 4); }
};

}  // namespace sirfp
