// Random values made on the device: sums of four uniform ones, of variance 1. Zeros would be timed as too fast.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device_array.hpp"
#include "sirfp/features.hpp"

namespace sirfp::bench {

void fill_random(void* to, dtype type, std::int64_t size, std::uint64_t seed);
// A symmetric matrix of floats, bit for bit, with a diagonal of 4.
void fill_symmetric(float* to, std::int64_t channels, std::uint64_t seed);

// A dense map on the device.
class random_map {
 public:
  random_map(dtype type, std::int64_t images, std::int64_t channels, std::int64_t height, std::int64_t width, bool channels_last = false)
      : bytes_(images * channels * height * width * static_cast<std::int64_t>(size_of(type)), nullptr) {
    fill_random(bytes_.data(), type, images * channels * height * width, 1);
    view = channels_last ? feature_view::nhwc(bytes_.data(), type, images, channels, height, width)
                         : feature_view::nchw(bytes_.data(), type, images, channels, height, width);
    view.space = memory_space::cuda;
  }
  feature_view view;

 private:
  device_array<std::byte> bytes_;
};

}  // namespace sirfp::bench
