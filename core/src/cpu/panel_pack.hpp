// Packing: any view's pixels of 16 channels, widened to fp32, as [pixel][16 channels]; missing channels of the last panel are zero.
#pragma once

#include <cstdint>

#include "simd.hpp"
#include "sirfp/features.hpp"

namespace sirfp {

// Pixels at a constant distance, for up to 16 channels at a constant distance (in elements).
struct pixel_run {
  const void* data = nullptr;
  dtype type = dtype::f32;
  std::int64_t channel_stride = 0;
  std::int64_t pixel_stride = 0;
  std::int64_t channels = 0;
  std::int64_t pixels = 0;
};

// Writes pixels * 16 floats.
using pack_kernel = void (*)(const pixel_run&, float* packed);
pack_kernel pack_kernel_for(simd_level level) noexcept;

// Pixels [first, first + count) of one image (row by row) of channels 16 panel ... into `packed`, row runs joined where the strides allow.
void pack_pixels(pack_kernel kernel, const feature_view& features, std::int64_t image, std::int64_t panel, std::int64_t first,
                 std::int64_t count, float* packed);

// The kernels by level; each takes any run.
void pack_baseline(const pixel_run& run, float* packed);
#if SIRFP_X86
void pack_avx2(const pixel_run& run, float* packed);
void pack_avx512(const pixel_run& run, float* packed);
#endif

}  // namespace sirfp
