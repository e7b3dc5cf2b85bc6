// Computes          per unit: slot = Y Y^T of a tile over a pixel range, y = sqrt(w) (x - shift) (or x alone), and the sums of its channels
// Tile              64 or 128 channels square, 4 or 8 warps of side / 2 x 32, 32 pixels a stage, one stage in shared memory, the next in
//                   registers
// Shared/registers  planes of 64 bytes a row and term, 16 KiB (32 KiB), and 3 KiB (6 KiB) of ranges; 165 (246) registers with two
//                   terms, which allow 3 blocks (1) on a multiprocessor; no spills
// Traffic           minimum: the map once; a tile row reads it once: C / side times in all, of which all but one should hit L2
// Accumulates in    tensor cores within 16 pixels (3 links; one term: 32 pixels, 2 links), fp32 between them, fp64 after 4,096 pixels.
//                   Two f16 terms under a channel's own power of two (gram_range.cuh): 22 bits, three products
// Order             pixels ascending within a range, ranges and images in gram_finish.cu: fixed by the shape alone
// Needs             any strides; 16-byte loads where a channel's pixels are in a row, aligned or not
// Measured          not yet measured
#include "device/launch.cuh"
#include "gram_kernels.hpp"
#include "gram_magnitude.cuh"
#include "gram_range.cuh"
#include "gram_stage.cuh"

namespace sirfp {
namespace {

using namespace gram_tuning;

// Where shared memory lies: queue, ranges (split only), planes.
template <int Terms, int Side>
struct staging {
  static constexpr int rows = 2 * Side;
  static constexpr std::size_t term_bytes = std::size_t{rows} * split_pixels * 2;
  using ranges = channel_ranges<rows, queue_bytes>;
  static constexpr std::size_t planes_at = (queue_bytes + (Terms == 2 ? ranges::bytes : 0) + 127) / 128 * 128;
  static SIRFP_DEVICE unsigned char* planes() { return device::shared_array<unsigned char>(planes_at); }
};

// One unit, from the first pixel to the slot.
template <class Element, int Terms, int Side>
class split_unit {
 public:
  using place_type = stage_place<Side>;
  using layout = staging<Terms, Side>;
  static constexpr int items = place_type::items;
  static constexpr int warp_rows = Side / 2;

  SIRFP_DEVICE split_unit(const gram_task<Element>& task, const gram_unit& unit)
      : task_(task),
        unit_(unit),
        place_(place_type::of(task.channels_abreast)),
        part_(warp_part<Side, warp_rows>::of(task.channels, unit.first_row, unit.first_column, unit.diagonal)),
        items_(unit.diagonal ? items / 2 : items) {}

  SIRFP_DEVICE void run() {
    if constexpr (Terms == 2) ranges_.clear();
    device::block_barrier();
    std::int32_t pixel = unit_.first_pixel;
    fetch(pixel);
    for (int stage = 0; pixel < unit_.end_pixel; ++stage) {
      put_stage(stage, pixel);
      pixel += split_pixels;
      if (pixel < unit_.end_pixel) fetch(pixel);
      multiply();
      if (pixel % promotion_pixels == 0 || pixel >= unit_.end_pixel) promote_sums();
    }
    if (unit_.diagonal) write_sums<Side>(task_, unit_, place_, sums_, reinterpret_cast<double*>(layout::planes()));
  }

 private:
  SIRFP_DEVICE std::int32_t channel_of(int item) const {
    return item < items / 2 ? unit_.first_row + place_.row(item) : unit_.first_column + place_.row(item - items / 2);
  }
  SIRFP_DEVICE void fetch(std::int32_t pixel) {
    const std::int32_t first = pixel + place_.octet_index * octet;
    SIRFP_UNROLL for (int i = 0; i < items; ++i) {
      if (i < items_) loaded_[i] = load_octet(task_, unit_.image, channel_of(i), first, unit_.end_pixel);
    }
  }
  using octet_values = device::vector_of<Element, octet>;
  SIRFP_DEVICE void take(std::int32_t first, octet_values (&x)[items]) const {
    SIRFP_UNROLL for (int i = 0; i < items; ++i) {
      if (i >= items_) continue;
      const bool covered = is_covered(task_, channel_of(i), first, unit_.end_pixel);
      x[i] = values_of(loaded_[i], covered, covered ? phase_of(task_, unit_.image, channel_of(i)) : 0);
    }
  }

  // The values in registers to shared memory, between two barriers.
  SIRFP_DEVICE void put_stage(int stage, std::int32_t pixel) {
    octet_values x[items];
    take(pixel + place_.octet_index * octet, x);
    if constexpr (Terms == 1) {
      note_and_sum_raw(x);
      device::block_barrier();
      SIRFP_UNROLL for (int i = 0; i < items; ++i) {
        if (i < items_) store_raw(x[i], layout::planes() + unit_offset<4>(place_.row(i), place_.octet_index));
      }
    } else {
      float y[items][octet];
      std::uint32_t largest[items];
      dress(pixel + place_.octet_index * octet, x, y, largest);
      bool fits = true;
      SIRFP_UNROLL for (int i = 0; i < items; ++i) fits = fits && (i >= items_ || ranges_.fits(place_.row(i), largest[i]));
      if (!fits) ranges_.want(stage);
      device::block_barrier();
      if (ranges_.wanted(stage)) new_ranges(largest);
      SIRFP_UNROLL for (int i = 0; i < items; ++i) {
        if (i >= items_) continue;
        unsigned char* const to = layout::planes() + unit_offset<4>(place_.row(i), place_.octet_index);
        store_terms(y[i], ranges_.scale(place_.row(i)), to, layout::term_bytes);
      }
    }
    device::block_barrier();
  }

  // sqrt(w) (x - shift) of all items, the largest magnitude of each, and, on the diagonal, sums and notes.
  SIRFP_DEVICE void dress(std::int32_t first, const octet_values (&raw)[items], float (&y)[items][octet], std::uint32_t (&largest)[items]) {
    float shift[items];
    float sum[items] = {};
    std::uint32_t worst[items] = {};
    SIRFP_UNROLL for (int i = 0; i < items; ++i) {
      const bool shifted = i < items_ && channel_of(i) < task_.channels && task_.shifts != nullptr;
      shift[i] = shifted ? task_.shifts[std::int64_t{unit_.image} * task_.channels + channel_of(i)] : 0.0F;
      largest[i] = 0;
    }
    SIRFP_UNROLL for (int k = 0; k < octet; ++k) {
      const float weight = weight_at(task_, unit_.image, first + k, unit_.end_pixel);
      const float root = task_.weights == nullptr ? 1.0F : sqrtf(weight);
      SIRFP_UNROLL for (int i = 0; i < items; ++i) {
        const float x = device::to_float(raw[i][k]);
        const float centred = first + k < unit_.end_pixel ? x - shift[i] : 0.0F;
        const std::uint32_t bits = magnitude_of(x);
        worst[i] = worst[i] < bits ? bits : worst[i];
        sum[i] += weight / sum_unit * (task_.shifts != nullptr ? centred : device::bits_to_float(bits));
        y[i][k] = root * centred;
        largest[i] = largest[i] < magnitude_of(y[i][k]) ? magnitude_of(y[i][k]) : largest[i];
      }
    }
    if (!unit_.diagonal) return;
    SIRFP_UNROLL for (int i = 0; i < items / 2; ++i) {
      sums_[i] += static_cast<double>(sum_unit) * static_cast<double>(sum[i]);
      const std::uint32_t bits = magnitude_of(sum[i]);
      if (worst[i] < infinity_bits && largest[i] < infinity_bits && bits < infinity_bits) continue;
      note_bad(task_.notes, worst[i] < infinity_bits ? device_notes::beyond_fp32 : device_notes::bad_feature,
               task_.images_before + unit_.image, channel_of(i));
    }
  }

  SIRFP_DEVICE void note_and_sum_raw(const octet_values (&raw)[items]) {
    if (!unit_.diagonal) return;
    SIRFP_UNROLL for (int i = 0; i < items / 2; ++i) {
      float sum = 0;
      SIRFP_UNROLL for (int k = 0; k < octet; ++k) sum += device::bits_to_float(magnitude_of(device::to_float(raw[i][k])));
      sums_[i] += static_cast<double>(sum);
      if (task_.again != nullptr && !(sum < largest_native_sum))
        device::atomic_or(task_.again + unit_.image, 1U);
      else if (!device::is_finite(sum))
        note_bad(task_.notes, device_notes::bad_feature, task_.images_before + unit_.image, channel_of(i));
    }
  }

  SIRFP_DEVICE void new_ranges(const std::uint32_t (&largest)[items]) {
    promote_sums();
    SIRFP_UNROLL for (int i = 0; i < items; ++i) {
      if (i < items_) ranges_.report(place_.row(i), largest[i]);
    }
    device::block_barrier();
    ranges_.update();
    device::block_barrier();
  }

  SIRFP_DEVICE void multiply() {
    device::mma_d none[2];
    const unsigned char* const columns = layout::planes() + (unit_.diagonal ? 0 : Side * split_pixels * 2);
    using half = std::conditional_t<Terms == 2, device::f16, Element>;
    multiply_stage<half, Terms, 4>(layout::planes(), columns, layout::term_bytes, part_, total_, -1, none);
  }

  SIRFP_DEVICE void promote_sums() {
    const int column_side = unit_.diagonal ? 0 : Side;
    promote(task_.slots + std::int64_t{unit_.index} * Side * Side, first_, part_, total_, [&](int row, int column) {
      if constexpr (Terms == 1)
        return 1.0;
      else
        return ranges_.inverse(row) * ranges_.inverse(column_side + column);
    });
    first_ = false;
  }

  const gram_task<Element>& task_;
  const gram_unit& unit_;
  place_type place_;
  warp_part<Side, warp_rows> part_;
  typename layout::ranges ranges_;
  int items_;
  bool first_ = true;
  loaded_octet<Element> loaded_[items];
  device::mma_d total_[warp_rows / 16][4] = {};
  double sums_[items / 2] = {};
};

template <class Element, int Terms, int Side>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS((stage_place<Side>::threads), Side == small_side ? 2 : 1)
    gram_split_kernel(SIRFP_GRID_CONSTANT const gram_tasks<Element> tasks, unsigned* queue) {
  for (std::int32_t k = next_unit(queue); k < tasks.work(); k = next_unit(queue)) {
    const auto [task, own] = tasks.locate(k);
    const gram_unit unit = unit_at<Side>(task, static_cast<std::int32_t>(own));
    if (task.only != nullptr && task.only[unit.image] == 0) continue;
    split_unit<Element, Terms, Side>(task, unit).run();
  }
}

}  // namespace

template <class Element, int Terms>
void launch_gram_through_registers(const device::launch_shape& shape, const gram_tasks<Element>& tasks, unsigned* queue, int side,
                                   void* stream) {
  if (side == large_side)
    device::launch(shape, stream, gram_split_kernel<Element, Terms, large_side>, tasks, queue);
  else
    device::launch(shape, stream, gram_split_kernel<Element, Terms, small_side>, tasks, queue);
}

template void launch_gram_through_registers<float, 2>(const device::launch_shape&, const gram_tasks<float>&, unsigned*, int, void*);
template void launch_gram_through_registers<device::f16, 2>(const device::launch_shape&, const gram_tasks<device::f16>&, unsigned*, int,
                                                            void*);
template void launch_gram_through_registers<device::bf16, 2>(const device::launch_shape&, const gram_tasks<device::bf16>&, unsigned*, int,
                                                             void*);
template void launch_gram_through_registers<device::f16, 1>(const device::launch_shape&, const gram_tasks<device::f16>&, unsigned*, int,
                                                            void*);
template void launch_gram_through_registers<device::bf16, 1>(const device::launch_shape&, const gram_tasks<device::bf16>&, unsigned*, int,
                                                             void*);

}  // namespace sirfp
