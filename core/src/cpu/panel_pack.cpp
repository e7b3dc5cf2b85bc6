#include "panel_pack.hpp"

#include <algorithm>
#include <cstddef>

namespace sirfp {
namespace {

template <dtype Type>
float widened(const void* data, std::int64_t at) noexcept {
  if constexpr (Type == dtype::f32) return static_cast<const float*>(data)[at];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(data)[at];
  return Type == dtype::f16 ? f16_to_float(bits) : bf16_to_float(bits);
}

template <dtype Type>
void pack_any(const pixel_run& run, float* packed) {
  for (std::int64_t p = 0; p < run.pixels; ++p)
    for (std::int64_t c = 0; c < lane_count; ++c)
      packed[p * lane_count + c] = c < run.channels ? widened<Type>(run.data, c * run.channel_stride + p * run.pixel_stride) : 0.0F;
}

}  // namespace

void pack_baseline(const pixel_run& run, float* packed) {
  if (run.type == dtype::f32) return pack_any<dtype::f32>(run, packed);
  if (run.type == dtype::f16) return pack_any<dtype::f16>(run, packed);
  pack_any<dtype::bf16>(run, packed);
}

pack_kernel pack_kernel_for(simd_level level) noexcept {
#if SIRFP_X86
  if (level == simd_level::avx512) return pack_avx512;
  if (level == simd_level::avx2) return pack_avx2;
#endif
  (void)level;
  return pack_baseline;
}

void pack_pixels(pack_kernel kernel, const feature_view& features, std::int64_t image, std::int64_t panel, std::int64_t first,
                 std::int64_t count, float* packed) {
  const std::int64_t channel = panel * lane_count;
  const std::int64_t base = image * features.image_stride + channel * features.channel_stride;
  const auto bytes = static_cast<std::int64_t>(size_of(features.type));
  const bool column = features.width == 1;
  const bool one_run = column || features.height == 1 || features.row_stride == features.width * features.column_stride;
  const std::int64_t pixel_stride = column ? features.row_stride : features.column_stride;
  const std::int64_t channels = std::min(lane_count, features.channels - channel);
  pixel_run run{nullptr, features.type, features.channel_stride, pixel_stride, channels, 0};
  for (std::int64_t done = 0; done < count; done += run.pixels) {
    const std::int64_t pixel = first + done;
    const std::int64_t y = one_run ? 0 : pixel / features.width;
    const std::int64_t x = pixel - y * features.width;
    run.pixels = one_run ? count : std::min(count - done, features.width - x);
    run.data = static_cast<const std::byte*>(features.data) + (base + y * features.row_stride + x * pixel_stride) * bytes;
    kernel(run, packed + done * lane_count);
  }
}

}  // namespace sirfp
