// Computes          per unit: slot = X X^T of a tile over a pixel range, and sum |x| of its channels; 16-bit values as they are
// Tile              64 or 128 channels square, 4 or 8 warps of side / 2 x 32, 64 pixels a stage, 3 stages
// Shared/registers  3 stages of 128 bytes a row, 48 KiB (96 KiB); 163 (203) registers, so 3 blocks (1) on a multiprocessor; no spills
// Traffic           minimum: the map once; a tile row reads it once: C / side times in all, of which all but one should hit L2
// Accumulates in    tensor cores within a stage (4 links), fp32 between stages, fp64 after 4,096 pixels. Products are exact
// Order             pixels ascending within a range, ranges and images in gram_finish.cu: fixed by the shape alone
// Needs             pixels in a row, 16-byte aligned data, image and channel strides; sm_80 (cp.async)
// Measured          not yet measured
#include "device/async_copy.cuh"
#include "device/launch.cuh"
#include "gram_kernels.hpp"
#include "gram_multiply.cuh"
#include "notes.cuh"

namespace sirfp {
namespace {

using namespace gram_tuning;

constexpr int row_units = 8;  // of 16 bytes
constexpr std::size_t stages_at = 128;

template <class Half, int Side>
class copied_unit {
 public:
  static constexpr int threads = warp_part<Side, Side / 2>::threads;
  static constexpr std::size_t side_bytes = std::size_t{Side} * row_units * 16;

  SIRFP_DEVICE copied_unit(const gram_task<Half>& task, const gram_unit& unit)
      : task_(task),
        unit_(unit),
        part_(warp_part<Side, Side / 2>::of(task.channels, unit.first_row, unit.first_column, unit.diagonal)),
        // the first two columns of warps: on the diagonal they have all bands of the rows
        measured_(unit.diagonal ? device::warp_index() % warp_part<Side, Side / 2>::warps_across : -1),
        image_(task.features.data + unit.image * task.features.image_stride) {}

  SIRFP_DEVICE void run() {
    const int count = (unit_.end_pixel - unit_.first_pixel + native_pixels - 1) / native_pixels;
    SIRFP_UNROLL for (int s = 0; s < stages - 1; ++s) copy_stage(s, count);
    for (int s = 0; s < count; ++s) {
      device::wait_for_copies<stages - 2>();
      device::block_barrier();  // stage s is there for all, and nobody reads stage s - 1 any more
      copy_stage(s + stages - 1, count);
      const unsigned char* const rows = stage_at(s);
      multiply_stage<Half, 1, row_units>(rows, unit_.diagonal ? rows : rows + side_bytes, 0, part_, total_, measured_, magnitude_);
      if ((s + 1) * native_pixels % promotion_pixels == 0 || s + 1 == count) promote_sums(s + 1 <= promotion_pixels / native_pixels);
    }
    device::wait_for_copies<0>();
    if (unit_.diagonal) write_magnitudes();
  }

 private:
  static SIRFP_DEVICE unsigned char* stage_at(int stage) {
    return device::shared_array<unsigned char>(stages_at + static_cast<std::size_t>(stage % stages) * 2 * side_bytes);
  }

  // Every thread commits a group a stage, an empty one beyond the end, so that waiting counts stages.
  SIRFP_DEVICE void copy_stage(int stage, int count) {
    if (stage < count) {
      const std::int32_t pixel = unit_.first_pixel + stage * native_pixels;
      copy_side(stage_at(stage), unit_.first_row, pixel);
      if (!unit_.diagonal) copy_side(stage_at(stage) + side_bytes, unit_.first_column, pixel);
    }
    device::commit_copies();
  }
  SIRFP_DEVICE void copy_side(unsigned char* to, std::int32_t first_channel, std::int32_t pixel) {
    SIRFP_UNROLL for (int k = device::thread_index(); k < Side * row_units; k += threads) {
      const int row = k / row_units;
      const std::int32_t from = pixel + k % row_units * 8;
      const std::int32_t left = first_channel + row < task_.channels ? unit_.end_pixel - from : 0;
      const int bytes = left >= 8 ? 16 : left <= 0 ? 0 : left * 2;
      const Half* const source = bytes == 0 ? image_ : image_ + (first_channel + row) * task_.features.channel_stride + from;
      device::copy_16_async(to + unit_offset<row_units>(row, k % row_units), source, bytes);
    }
  }

  SIRFP_DEVICE void promote_sums(bool first) {
    promote(task_.slots + std::int64_t{unit_.index} * Side * Side, first, part_, total_, [](int, int) { return 1.0; });
    SIRFP_UNROLL for (int k = 0; k < 4; ++k) {
      float& sum = magnitude_[k / 2].d[k % 2 * 2];  // rows g and g + 8, the same in all columns
      magnitudes_[k] += static_cast<double>(sum);
      sum = 0;
    }
  }

  SIRFP_DEVICE void write_magnitudes() const {
    if (measured_ < 0 || measured_ > 1 || device::lane_index() % 4 != 0) return;
    SIRFP_UNROLL for (int k = 0; k < 4; ++k) {
      const int band = 2 * measured_ + k / 2;
      if (!part_.wanted(band)) continue;
      const std::int32_t channel = unit_.first_row + part_.row + 16 * band + device::lane_index() / 4 + 8 * (k % 2);
      if (channel >= task_.channels) continue;
      task_.sums[(std::int64_t{unit_.image} * task_.ranges + unit_.range) * task_.channels + channel] = magnitudes_[k];
      if (magnitudes_[k] < static_cast<double>(largest_native_sum)) continue;
      if (task_.again != nullptr)
        device::atomic_or(task_.again + unit_.image, 1U);
      else
        note_bad(task_.notes, device_notes::bad_feature, task_.images_before + unit_.image, channel);
    }
  }

  const gram_task<Half>& task_;
  const gram_unit& unit_;
  warp_part<Side, Side / 2> part_;
  int measured_;
  const Half* image_;
  device::mma_d total_[Side / 32][4] = {};
  device::mma_d magnitude_[2] = {};
  double magnitudes_[4] = {};
};

template <class Half, int Side>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS((copied_unit<Half, Side>::threads), Side == small_side ? 3 : 1) gram_copied_kernel(gram_task<Half> task) {
  for (std::int32_t k = next_unit(task.queue); k < task.units; k = next_unit(task.queue)) {
    const gram_unit unit = unit_at<Side>(task, k);
    copied_unit<Half, Side>(task, unit).run();
  }
}

}  // namespace

template <class Half>
void launch_gram_copied(const device::launch_shape& shape, const gram_task<Half>& task, int side, void* stream) {
  if (side == large_side)
    device::launch(shape, stream, gram_copied_kernel<Half, large_side>, task);
  else
    device::launch(shape, stream, gram_copied_kernel<Half, small_side>, task);
}

template void launch_gram_copied<device::f16>(const device::launch_shape&, const gram_task<device::f16>&, int, void*);
template void launch_gram_copied<device::bf16>(const device::launch_shape&, const gram_task<device::bf16>&, int, void*);

}  // namespace sirfp
