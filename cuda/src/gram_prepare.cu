// Computes          sums of each image's pixel weights, a block a part of them; a channel's shift, the mean of up to 64 pixels spread over
//                   the image
// Tile              weights: 256 threads, 8,192 pixels; shifts: a warp a channel of an image, two pixels a lane
// Shared/registers  weights 64 bytes
// Traffic           weights once; 64 sectors of 32 bytes a channel: 5% of a map of 9,409 fp32 pixels
// Accumulates in    fp64
// Order             fixed by the shape alone
// Needs             any strides
// Measured          not yet measured
#include "device/launch.cuh"
#include "device/shared.cuh"
#include "device/warp.cuh"
#include "gram_passes.hpp"
#include "gram_tuning.hpp"
#include "notes.cuh"

namespace sirfp {
namespace {

using namespace gram_tuning;

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(weight_threads)
    gram_weights_kernel(const float* weights, std::int64_t image_stride, std::int64_t pixels, std::int64_t blocks, double* notes,
                        std::int64_t images_before, double* parts) {
  const std::int64_t image = device::block_index() / blocks;
  const std::int64_t first = device::block_index() % blocks * weights_per_block;
  const std::int64_t end = first + weights_per_block < pixels ? first + weights_per_block : pixels;
  double sum = 0;
  for (std::int64_t p = first + device::thread_index(); p < end; p += weight_threads) {
    const float w = weights[image * image_stride + p];
    if (!(w >= 0 && device::is_finite(w))) note_bad(notes, device_notes::bad_weight, images_before + image, p);
    sum += static_cast<double>(w);
  }
  auto* const slots = device::shared_array<double>();
  sum = device::warp_butterfly_sum(sum);
  if (device::lane_index() == 0) slots[device::warp_index()] = sum;
  device::block_barrier();
  if (device::thread_index() != 0) return;
  double total = 0;
  for (int w = 0; w < device::block_warps(); ++w) total += slots[w];
  parts[device::block_index()] = total;
}

template <class Element>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(weight_threads)
    gram_shifts_kernel(feature_reader<Element> features, std::int64_t images, std::int64_t channels, float* shifts) {
  const std::int64_t which = device::grid_thread() / device::warp_size;
  if (which >= images * channels) return;
  const std::int64_t pixels = features.height * features.width;
  const std::int64_t count = pixels < samples ? pixels : samples;
  double sum = 0;
  for (std::int64_t k = device::lane_index(); k < count; k += device::warp_size)
    sum += static_cast<double>(features.at(which / channels, which % channels, k * pixels / count));
  sum = device::warp_butterfly_sum(sum);
  if (device::lane_index() == 0) shifts[which] = static_cast<float>(sum / static_cast<double>(count));
}

}  // namespace

void launch_gram_weights(const pixel_weights& weights, std::int64_t images, std::int64_t pixels, std::int64_t blocks, double* notes,
                         std::int64_t images_before, double* parts, void* stream) {
  device::launch({"gram_weights", images * blocks, weight_threads, weight_threads / 32 * sizeof(double)}, stream, gram_weights_kernel,
                 weights.data, weights.image_stride, pixels, blocks, notes, images_before, parts);
}

template <class Element>
void launch_gram_shifts(const feature_reader<Element>& features, std::int64_t images, std::int64_t channels, float* shifts, void* stream) {
  constexpr std::int64_t per_block = weight_threads / device::warp_size;
  device::launch({"gram_shifts", (images * channels + per_block - 1) / per_block, weight_threads}, stream, gram_shifts_kernel<Element>,
                 features, images, channels, shifts);
}

template void launch_gram_shifts<float>(const feature_reader<float>&, std::int64_t, std::int64_t, float*, void*);
template void launch_gram_shifts<device::f16>(const feature_reader<device::f16>&, std::int64_t, std::int64_t, float*, void*);
template void launch_gram_shifts<device::bf16>(const feature_reader<device::bf16>&, std::int64_t, std::int64_t, float*, void*);

}  // namespace sirfp
