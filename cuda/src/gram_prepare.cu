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

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(weight_threads) gram_weights_kernel(SIRFP_GRID_CONSTANT const site_row<weight_job> sites) {
  const auto [site, block] = sites.locate(device::block_index());
  const std::int64_t image = block / site.blocks;
  const std::int64_t first = block % site.blocks * weights_per_block;
  const std::int64_t end = first + weights_per_block < site.pixels ? first + weights_per_block : site.pixels;
  double sum = 0;
  for (std::int64_t p = first + device::thread_index(); p < end; p += weight_threads) {
    const float w = site.weights[image * site.image_stride + p];
    if (!(w >= 0 && device::is_finite(w))) note_bad(site.notes, device_notes::bad_weight, site.images_before + image, p);
    sum += static_cast<double>(w);
  }
  auto* const slots = device::shared_array<double>();
  sum = device::warp_butterfly_sum(sum);
  if (device::lane_index() == 0) slots[device::warp_index()] = sum;
  device::block_barrier();
  if (device::thread_index() != 0) return;
  double total = 0;
  for (int w = 0; w < device::block_warps(); ++w) total += slots[w];
  site.parts[block] = total;
}

template <class Element>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(weight_threads) gram_shifts_kernel(SIRFP_GRID_CONSTANT const site_row<shift_job<Element>> sites) {
  const std::int64_t warp = device::grid_thread() / device::warp_size;
  if (warp >= sites.work()) return;
  const auto [site, which] = sites.locate(warp);
  const std::int64_t pixels = site.features.height * site.features.width;
  const std::int64_t count = pixels < samples ? pixels : samples;
  double sum = 0;
  for (std::int64_t k = device::lane_index(); k < count; k += device::warp_size)
    sum += static_cast<double>(site.features.at(which / site.channels, which % site.channels, k * pixels / count));
  sum = device::warp_butterfly_sum(sum);
  if (device::lane_index() == 0) site.shifts[which] = static_cast<float>(sum / static_cast<double>(count));
}

}  // namespace

void launch_gram_weights(const site_row<weight_job>& sites, void* stream) {
  device::launch({"gram_weights", sites.work(), weight_threads, weight_threads / 32 * sizeof(double)}, stream, gram_weights_kernel, sites);
}

template <class Element>
void launch_gram_shifts(const site_row<shift_job<Element>>& sites, void* stream) {
  constexpr std::int64_t per_block = weight_threads / device::warp_size;
  device::launch({"gram_shifts", (sites.work() + per_block - 1) / per_block, weight_threads}, stream, gram_shifts_kernel<Element>, sites);
}

template void launch_gram_shifts<float>(const site_row<shift_job<float>>&, void*);
template void launch_gram_shifts<device::f16>(const site_row<shift_job<device::f16>>&, void*);
template void launch_gram_shifts<device::bf16>(const site_row<shift_job<device::bf16>>&, void*);

}  // namespace sirfp
