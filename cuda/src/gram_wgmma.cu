// Computes          per unit: slot = X X^T of a tile over a pixel range, and sum |x| of its channels; 16-bit values as they are. The
//                   units, slots and sums of gram_copied.cu
// Tile              128 channels square: two warpgroups of 64 x 128 multiply, one thread of a third asks the copy engine for 64
//                   pixels a stage, 4 stages
// Shared/registers  4 stages of 32 KiB at multiples of 1 KiB, so 1 block on a multiprocessor; 168 registers, of which the third warpgroup
//                   gives away all but 40, so that the others have 232; no spills
// Traffic           minimum: the map once; a tile row reads it once: C / 128 times in all, of which all but one should hit L2
// Accumulates in    tensor cores over 4 stages (16 links), fp32 between them, fp64 after 4,096 pixels. Products are exact
// Order             pixels ascending within a range, ranges and images in gram_finish.cu: fixed by the shape alone
// Needs             pixels in a row, 16-byte aligned data, image and channel strides; sm_90a (wgmma, TMA)
// Measured          never run on a GPU, not yet measured
#include "device/bulk_copy.cuh"
#include "device/launch.cuh"
#include "device/register_budget.cuh"
#include "device/wgmma.cuh"
#include "gram_kernels.hpp"
#include "gram_magnitude.cuh"
#include "gram_multiply.cuh"

namespace sirfp {
namespace {

using namespace gram_tuning;

constexpr int side = large_side;
constexpr int row_units = 8;  // of 16 bytes
constexpr std::size_t side_bytes = std::size_t{side} * native_pixels * 2;
constexpr int multiplying_warps = side / 16;
constexpr int threads = wgmma_threads;
static_assert(threads == (multiplying_warps + 4) * device::warp_size && native_pixels == device::box_columns);

// The stages and their barriers, from the first unit of a block to the last: `turn` counts stages through.
class stage_queue {
 public:
  SIRFP_DEVICE stage_queue() {
    const std::uint32_t base = device::shared_address(device::shared_array<unsigned char>());
    slots_ = device::shared_array<unsigned char>((base + barriers_at + barrier_bytes + 1023) / 1024 * 1024 - base);
    if (device::thread_index() != 0) return;
    for (int k = 0; k < wgmma_stages; ++k) {
      device::make_mbarrier(filled(k), 1);
      device::make_mbarrier(emptied(k), multiplying_warps);
    }
  }
  SIRFP_DEVICE unsigned char* slot(unsigned turn) const { return slots_ + turn % wgmma_stages * 2 * side_bytes; }

  SIRFP_DEVICE void wait_until_empty(unsigned turn) const { device::wait_for_phase(emptied(turn), (turn / wgmma_stages & 1U) ^ 1U); }
  SIRFP_DEVICE device::mbarrier* announce(unsigned turn, std::size_t bytes) const {
    device::arrive_and_expect(filled(turn), static_cast<int>(bytes));
    return filled(turn);
  }
  SIRFP_DEVICE void wait_until_filled(unsigned turn) const { device::wait_for_phase(filled(turn), turn / wgmma_stages & 1U); }
  // By every thread of a warp, when it reads the stage no more.
  SIRFP_DEVICE void give_back(unsigned turn) const {
    device::warp_barrier();
    if (device::lane_index() == 0) device::arrive(emptied(turn));
  }

 private:
  static constexpr std::size_t barriers_at = queue_bytes;
  static constexpr std::size_t barrier_bytes = 2 * wgmma_stages * sizeof(device::mbarrier);

  static SIRFP_DEVICE device::mbarrier* filled(unsigned turn) {
    return device::shared_array<device::mbarrier>(barriers_at) + turn % wgmma_stages;
  }
  static SIRFP_DEVICE device::mbarrier* emptied(unsigned turn) { return filled(turn) + wgmma_stages; }

  unsigned char* slots_;
};

SIRFP_DEVICE int stages_of(const gram_unit& unit) { return (unit.end_pixel - unit.first_pixel + native_pixels - 1) / native_pixels; }

// By one thread: asks for the stages of a unit, as far ahead as there are slots.
SIRFP_DEVICE void copy_stages(const device::tensor_map& map, const gram_unit& unit, const stage_queue& stages, unsigned turn) {
  for (std::int32_t pixel = unit.first_pixel; pixel < unit.end_pixel; pixel += native_pixels, ++turn) {
    stages.wait_until_empty(turn);
    device::mbarrier* const counter = stages.announce(turn, unit.diagonal ? side_bytes : 2 * side_bytes);
    device::copy_box_async(stages.slot(turn), map, unit.image, unit.first_row, pixel, counter);
    if (!unit.diagonal) device::copy_box_async(stages.slot(turn) + side_bytes, map, unit.image, unit.first_column, pixel, counter);
  }
}

// By the eight warps that multiply: each has 16 rows of the tile, together with three others 64.
template <class Half>
class wgmma_unit {
 public:
  SIRFP_DEVICE wgmma_unit(const gram_task<Half>& task, const gram_unit& unit, const stage_queue& stages)
      : task_(task), unit_(unit), stages_(stages), row_(16 * device::warp_index()) {}

  SIRFP_DEVICE void run(unsigned turn) {
    const int count = stages_of(unit_);
    for (int first = 0; first < count; first += wgmma_chain) {
      const int links = count - first < wgmma_chain ? count - first : wgmma_chain;
      multiply_chain(turn, links);
      turn += static_cast<unsigned>(links);
      const int done = first + links;
      if (done * native_pixels % promotion_pixels == 0 || done == count) promote_sums(done <= promotion_pixels / native_pixels);
    }
    if (!unit_.diagonal || device::lane_index() % 4 != 0) return;
    for (int k = 0; k < 2; ++k) put_magnitude(task_, unit_, unit_.first_row + row_ + device::lane_index() / 4 + 8 * k, magnitudes_[k]);
  }

 private:
  static_assert(promotion_pixels % (wgmma_chain * native_pixels) == 0);

  // The sum of up to wgmma_chain stages from zero, added to the sums.
  SIRFP_DEVICE void multiply_chain(unsigned turn, int links) {
    float chain[side / 2];
    for (int k = 0; k < links; ++k) {
      stages_.wait_until_filled(turn + static_cast<unsigned>(k));
      multiply_stage(chain, stages_.slot(turn + static_cast<unsigned>(k)), k != 0);
      if (k == 0) continue;
      device::wait_for_products<1>();
      stages_.give_back(turn + static_cast<unsigned>(k) - 1);
    }
    device::wait_for_products<0>();
    stages_.give_back(turn + static_cast<unsigned>(links) - 1);
    SIRFP_UNROLL for (int k = 0; k < side / 2; ++k) total_[k / 16][0][k / 4 % 4].d[k % 4] += chain[k];
  }

  SIRFP_DEVICE void multiply_stage(float (&chain)[side / 2], const unsigned char* rows, bool adds) {
    const std::uint32_t at = device::shared_address(rows);
    const std::uint32_t a = at + static_cast<std::uint32_t>(row_ / 64 * 64 * native_pixels * 2);
    const std::uint32_t b = unit_.diagonal ? at : at + static_cast<std::uint32_t>(side_bytes);
    device::begin_products();
    SIRFP_UNROLL for (std::uint32_t k = 0; k < native_pixels / 16; ++k) device::multiply_64_by_128<Half>(
        chain, device::operand_descriptor(a + 32 * k), device::operand_descriptor(b + 32 * k), adds || k != 0);
    device::commit_products();
    if (!unit_.diagonal) return;
    device::mma_d sums = {};
    SIRFP_UNROLL for (int k = 0; k < native_pixels / 16; ++k) add_magnitudes<Half>(sums, load_rows<row_units>(rows, row_, k));
    magnitude_[0] += sums.d[0];  // rows g and g + 8, the same in all columns
    magnitude_[1] += sums.d[2];
  }

  SIRFP_DEVICE void promote_sums(bool first) {
    double* const slot = task_.slots + std::int64_t{unit_.index} * side * side;
    SIRFP_UNROLL for (int q = 0; q < 4; ++q) {
      const int column = q * warp_columns;
      const bool wanted = unit_.first_row + row_ < task_.channels && unit_.first_column + column < task_.channels &&
                          !(unit_.diagonal && column > row_ + 15);
      promote(slot, first, warp_part<side, 16>{row_, column, 0, wanted ? 1 : 0}, total_[q], [](int, int) { return 1.0; });
    }
    SIRFP_UNROLL for (int k = 0; k < 2; ++k) {
      magnitudes_[k] += static_cast<double>(magnitude_[k]);
      magnitude_[k] = 0;
    }
  }

  const gram_task<Half>& task_;
  const gram_unit& unit_;
  const stage_queue& stages_;
  int row_;
  device::mma_d total_[4][1][4] = {};
  float magnitude_[2] = {};
  double magnitudes_[2] = {};
};

// use(unit, turn of its first stage) for one unit after another; all warps come to the barriers of the queue, wherever they stand.
template <class Half, class Use>
SIRFP_DEVICE void for_each_unit(const gram_task<Half>& task, std::int32_t units, unsigned* queue, const Use& use) {
  unsigned turn = 0;
  for (std::int32_t k = next_unit(queue); k < units; k = next_unit(queue)) {
    const gram_unit unit = unit_at<side>(task, k);
    use(unit, turn);
    turn += static_cast<unsigned>(stages_of(unit));
  }
}

template <class Half>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(threads, 1)
    gram_wgmma_kernel(SIRFP_GRID_CONSTANT const device::tensor_map map, gram_task<Half> task, std::int32_t units, unsigned* queue) {
  const stage_queue stages;  // its mbarriers are seen by all behind the first barrier of the queue
  if (device::warp_index() >= multiplying_warps) {
    device::give_registers_away<40>();
    for_each_unit(task, units, queue, [&](const gram_unit& unit, unsigned turn) {
      if (device::warp_index() == multiplying_warps && device::lane_index() == 0) copy_stages(map, unit, stages, turn);
      device::warp_barrier();
    });
  } else {
    device::take_registers<232>();
    for_each_unit(task, units, queue, [&](const gram_unit& unit, unsigned turn) { wgmma_unit<Half>(task, unit, stages).run(turn); });
  }
}

}  // namespace

template <class Half>
void launch_gram_wgmma(const device::launch_shape& shape, const gram_task<Half>& task, std::int32_t units, unsigned* queue,
                       const device::tensor_map& map, void* stream) {
  device::launch(shape, stream, gram_wgmma_kernel<Half>, map, task, units, queue);
}

template void launch_gram_wgmma<device::f16>(const device::launch_shape&, const gram_task<device::f16>&, std::int32_t, unsigned*,
                                             const device::tensor_map&, void*);
template void launch_gram_wgmma<device::bf16>(const device::launch_shape&, const gram_task<device::bf16>&, std::int32_t, unsigned*,
                                              const device::tensor_map&, void*);

}  // namespace sirfp
