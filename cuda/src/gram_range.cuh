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

namespace sirfp {

constexpr std::uint32_t infinity_bits = 0x7f800000U;  // as magnitudes, bits are in the order of the values, NaN above all

SIRFP_DEVICE float power_of_two(int exponent) {
  exponent = exponent < -126 ? -126 : exponent;
  return device::bits_to_float(exponent > 127 ? infinity_bits : static_cast<std::uint32_t>(exponent + 127) << 23);
}

template <int Rows>
class channel_ranges {
 public:
  static constexpr std::size_t bytes = Rows * 24 + 16;

  SIRFP_DEVICE explicit channel_ranges(unsigned char* at)
      : inverse_(reinterpret_cast<double*>(at)),
        scale_(reinterpret_cast<float*>(inverse_ + Rows)),
        low_(reinterpret_cast<std::uint32_t*>(scale_ + Rows)),
        high_(low_ + Rows),
        peak_(high_ + Rows),
        tile_peak_(peak_ + Rows),
        wanted_(reinterpret_cast<int*>(tile_peak_ + 1)) {}

  // A barrier has to follow.
  SIRFP_DEVICE void clear() {
    for (int c = device::thread_index(); c < Rows; c += device::block_threads()) {
      inverse_[c] = 1;
      scale_[c] = 1;
      low_[c] = high_[c] = peak_[c] = 0;
    }
    if (device::thread_index() == 0) *tile_peak_ = 0, *wanted_ = -1;
  }
  // `largest`: bits of a magnitude. Zeros fit any range.
  SIRFP_DEVICE bool fits(int channel, std::uint32_t largest) const {
    return largest == 0 || (largest >= low_[channel] && largest < high_[channel]);
  }
  // Says before a barrier that stage `stage` needs new powers; asks behind it.
  SIRFP_DEVICE void want(int stage) { *wanted_ = stage; }
  SIRFP_DEVICE bool wanted(int stage) const { return *wanted_ == stage; }

  // New powers, in three steps with a barrier between them: every thread reports all that it has, then the channels are set.
  SIRFP_DEVICE void report(int channel, std::uint32_t largest) {
    if (largest == 0) return;
    device::atomic_max(&peak_[channel], largest);
    device::atomic_max(tile_peak_, largest);
  }
  SIRFP_DEVICE void update() {
    for (int c = device::thread_index(); c < Rows; c += device::block_threads()) {
      const std::uint32_t peak = peak_[c];
      peak_[c] = 0;
      if (peak >= infinity_bits)
        set(c, 0, 0, 0xffffffffU);  // nothing to save: the image is noted
      else if (peak != 0 && !fits(c, peak))
        set_exponent(c, 6 + 127 - static_cast<int>(peak >> 23), false);
      else if (peak != 0)
        low_[c] = 0;  // its power was a guess, and a good one
      else if (high_[c] == 0 && *tile_peak_ < infinity_bits)
        set_exponent(c, 12 + 127 - static_cast<int>(*tile_peak_ >> 23), true);
    }
  }

  SIRFP_DEVICE float scale(int channel) const { return scale_[channel]; }
  SIRFP_DEVICE double inverse(int channel) const { return inverse_[channel]; }

 private:
  SIRFP_DEVICE void set_exponent(int channel, int exponent, bool provisional) {
    exponent = exponent > 100 ? 100 : exponent;  // below 2^-94 values lose digits; their squares have none in fp32
    set(channel, exponent, provisional ? device::float_to_bits(power_of_two(-2 - exponent)) : 0,
        device::float_to_bits(power_of_two(15 - exponent)));
  }
  SIRFP_DEVICE void set(int channel, int exponent, std::uint32_t low, std::uint32_t high) {
    scale_[channel] = power_of_two(exponent);
    inverse_[channel] = 1 / static_cast<double>(scale_[channel]);
    low_[channel] = low;
    high_[channel] = high;
  }

  double* inverse_;
  float* scale_;
  std::uint32_t *low_, *high_, *peak_;
  std::uint32_t* tile_peak_;
  int* wanted_;
};

}  // namespace sirfp
