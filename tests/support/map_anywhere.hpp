// A map on the device whose channels begin anywhere, not on boundaries of 16 bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "device_array.hpp"
#include "support/feature_map.hpp"
#ifdef SIRFP_EMULATED_CUDA
#include "emulator/sanitizer.hpp"
#endif

namespace sirfp::test {

// The first channel begins `offset` values behind a boundary, every channel `pitch` values behind the one before. The allocation ends with
// the last value; NaN before the first and between channels. AddressSanitizer reports a read before the first one.
class map_anywhere {
 public:
  map_anywhere(const feature_map& map, std::int64_t offset, std::int64_t pitch) : view_(map.view()) {
    const auto bytes = static_cast<std::int64_t>(size_of(view_.type));
    const auto [images, channels, height, width] = map.shape();
    const std::int64_t size = offset + images * channels * pitch - (pitch - height * width);
    std::vector<std::byte> storage(static_cast<std::size_t>(bytes * size), std::byte{0xff});
    const auto* const values = static_cast<const std::byte*>(view_.data);
    for (std::int64_t k = 0; k < images * channels; ++k)
      std::copy_n(values + bytes * (k / channels * view_.image_stride + k % channels * view_.channel_stride), bytes * height * width,
                  storage.data() + bytes * (offset + k * pitch));
    memory_ = std::make_unique<device_array<std::byte>>(std::span<const std::byte>(storage), nullptr);
    before_ = static_cast<std::size_t>(bytes * offset);
#ifdef SIRFP_EMULATED_CUDA
    SIRFP_POISON(memory_->data(), before_ / 8 * 8);
#endif
    view_.data = memory_->data() + before_;
    view_.channel_stride = pitch;
    view_.image_stride = channels * pitch;
    view_.space = memory_space::cuda;
  }
  ~map_anywhere() {
#ifdef SIRFP_EMULATED_CUDA
    SIRFP_UNPOISON(memory_->data(), before_);
#endif
  }
  map_anywhere(const map_anywhere&) = delete;
  map_anywhere& operator=(const map_anywhere&) = delete;
  const feature_view& view() const { return view_; }

 private:
  feature_view view_;
  std::size_t before_ = 0;
  std::unique_ptr<device_array<std::byte>> memory_;
};

}  // namespace sirfp::test
