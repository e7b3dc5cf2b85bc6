// Computes          per unit: slot = X X^T of a tile over a pixel range, and sum |x| of its channels; 16-bit values as they are
// Tile              64 or 128 channels square, 4 or 8 warps of side / 2 x 32, 64 pixels a stage, 3 stages; where channels begin off the
//                   boundaries of 16 bytes, 2 stages and a third that they are moved into (gram_ring.cuh)
// Shared/registers  3 stages of 128 bytes a row, 48 KiB (96 KiB); 164 (204) registers, shifted 168 (228), so 3 blocks (1) on a
//                   multiprocessor; no spills
// Traffic           minimum: the map once; a tile row reads it once: C / side times in all, of which all but one should hit L2
// Accumulates in    tensor cores within a stage (4 links), fp32 between stages, fp64 after 4,096 pixels. Products are exact
// Order             pixels ascending within a range, ranges and images in gram_finish.cu: fixed by the shape alone
// Needs             pixels in a row; sm_80 (cp.async)
// Measured          not yet measured
#include "device/launch.cuh"
#include "gram_kernels.hpp"
#include "gram_magnitude.cuh"
#include "gram_ring.cuh"

namespace sirfp {
namespace {

using namespace gram_tuning;

template <class Half, int Side, bool Shifted>
class copied_unit {
 public:
  using ring_type = stage_ring<Half, Side, Shifted>;
  static constexpr int threads = ring_type::threads;

  SIRFP_DEVICE copied_unit(const gram_task<Half>& task, const gram_unit& unit)
      : task_(task),
        unit_(unit),
        part_(warp_part<Side, Side / 2>::of(task.channels, unit.first_row, unit.first_column, unit.diagonal)),
        // the first two columns of warps: on the diagonal they have all bands of the rows
        measured_(unit.diagonal ? device::warp_index() % warp_part<Side, Side / 2>::warps_across : -1),
        ring_(task, unit) {}

  SIRFP_DEVICE void run() {
    const int count = ring_.stages();
    ring_.open();
    for (int s = 0; s < count; ++s) {
      const unsigned char* const rows = ring_.next(s);
      multiply_stage<Half, 1, row_units>(rows, unit_.diagonal ? rows : rows + ring_type::side_bytes, 0, part_, total_, measured_,
                                         magnitude_);
      if ((s + 1) * native_pixels % promotion_pixels == 0 || s + 1 == count) promote_sums(s + 1 <= promotion_pixels / native_pixels);
    }
    device::wait_for_copies<0>();
    if (unit_.diagonal) write_magnitudes();
  }

 private:
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
      put_magnitude(task_, unit_, channel, magnitudes_[k]);
    }
  }

  const gram_task<Half>& task_;
  const gram_unit& unit_;
  warp_part<Side, Side / 2> part_;
  int measured_;
  ring_type ring_;
  device::mma_d total_[Side / 32][4] = {};
  device::mma_d magnitude_[2] = {};
  double magnitudes_[4] = {};
};

template <class Half, int Side, bool Shifted>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS((copied_unit<Half, Side, Shifted>::threads), Side == small_side ? 3 : 1)
    gram_copied_kernel(SIRFP_GRID_CONSTANT const gram_tasks<Half> tasks, unsigned* queue) {
  for (std::int32_t k = next_unit(queue); k < tasks.work(); k = next_unit(queue)) {
    const auto [task, own] = tasks.locate(k);
    const gram_unit unit = unit_at<Side>(task, static_cast<std::int32_t>(own));
    copied_unit<Half, Side, Shifted>(task, unit).run();
  }
}

template <class Half, int Side>
void launch_tiles(const device::launch_shape& shape, const gram_tasks<Half>& tasks, unsigned* queue, bool shifted, void* stream) {
  device::launch(shape, stream, shifted ? gram_copied_kernel<Half, Side, true> : gram_copied_kernel<Half, Side, false>, tasks, queue);
}

}  // namespace

template <class Half>
void launch_gram_copied(const device::launch_shape& shape, const gram_tasks<Half>& tasks, unsigned* queue, int side, bool shifted,
                        void* stream) {
  if (side == large_side)
    launch_tiles<Half, large_side>(shape, tasks, queue, shifted, stream);
  else
    launch_tiles<Half, small_side>(shape, tasks, queue, shifted, stream);
}

template void launch_gram_copied<device::f16>(const device::launch_shape&, const gram_tasks<device::f16>&, unsigned*, int, bool, void*);
template void launch_gram_copied<device::bf16>(const device::launch_shape&, const gram_tasks<device::bf16>&, unsigned*, int, bool, void*);

}  // namespace sirfp
