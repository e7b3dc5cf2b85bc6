// Computes          per unit: slot = Y Y^T of a tile over a pixel range, y = sqrt(w) (x - shift) (or x alone), and the sums of its channels
// Tile              64 or 128 channels square, 4 or 8 warps of side / 2 x 32, 32 pixels a stage, one stage in shared memory, the next in
//                   registers
// Shared/registers  see docs/performance/registers.md; planes of 64 bytes a row and term: 16 KiB (32 KiB) and 3 KiB (6 KiB) of ranges
// Traffic           minimum: the map once; a tile row reads it once: C / side times in all, of which all but one should hit L2
// Accumulates in    tensor cores within a stage (6 links), fp32 between stages, fp64 after 4,096 pixels. Two f16 terms of a channel's own
//                   power of two (gram_range.cuh): 22 bits, three products
// Order             pixels ascending within a range, ranges and images in gram_finish.cu: fixed by the shape alone
// Needs             any strides; 16-byte loads where a channel's pixels are in a row and aligned
// Measured          not yet measured
#include "device/launch.cuh"
#include "gram_kernels.hpp"
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
  static constexpr std::size_t planes_at = (queue_bytes + (Terms == 2 ? channel_ranges<rows>::bytes : 0) + 127) / 128 * 128;
};

// One unit, from the first pixel to the slot.
template <class Element, int Terms, int Side>
class split_unit {
 public:
  using place_type = stage_place<Side>;
  using layout = staging<Terms, Side>;
  static constexpr int items = place_type::items;

  SIRFP_DEVICE split_unit(const gram_task<Element>& task, const gram_unit& unit)
      : task_(task),
        unit_(unit),
        place_(place_type::of(task.channels_abreast)),
        part_(warp_part<Side>::of(task.channels, unit.first_row, unit.first_column, unit.diagonal)),
        ranges_(device::shared_array<unsigned char>(queue_bytes)),
        planes_(device::shared_array<unsigned char>(layout::planes_at)),
        items_(unit.diagonal ? items / 2 : items) {
    SIRFP_UNROLL for (int i = 0; i < items; ++i) {
      const std::int64_t channel = channel_of(i);
      offset_[i] =
          i < items_ && channel < task.channels ? unit.image * task.features.image_stride + channel * task.features.channel_stride : -1;
    }
  }

  SIRFP_DEVICE void run() {
    if constexpr (Terms == 2) ranges_.clear();
    device::block_barrier();
    std::int64_t pixel = unit_.first_pixel;
    fetch(pixel);
    for (int stage = 0; pixel < unit_.end_pixel; ++stage) {
      put_stage(stage, pixel);
      pixel += split_pixels;
      if (pixel < unit_.end_pixel) fetch(pixel);
      multiply();
      if (pixel % promotion_pixels == 0 || pixel >= unit_.end_pixel) promote_sums();
    }
    if (unit_.diagonal) write_sums<Side>(task_, unit_, place_, sums_, reinterpret_cast<double*>(planes_));
  }

 private:
  SIRFP_DEVICE std::int64_t channel_of(int item) const {
    return item < items / 2 ? unit_.first_row + place_.row(item) : unit_.first_column + place_.row(item - items / 2);
  }
  SIRFP_DEVICE void fetch(std::int64_t pixel) {
    const std::int64_t first = pixel + place_.octet_index * octet;
    raw_pixel_ = first;
    SIRFP_UNROLL for (int i = 0; i < items; ++i) {
      if (i >= items_) break;
      raw_[i] = load_octet(task_, offset_[i], first, offset_[i] < 0 ? first : unit_.end_pixel);
    }
  }

  // The values in registers to shared memory, between two barriers.
  SIRFP_DEVICE void put_stage(int stage, std::int64_t) {
    if constexpr (Terms == 1) {
      note_and_sum_raw();
      device::block_barrier();
      SIRFP_UNROLL for (int i = 0; i < items; ++i) if (i < items_)
          store_raw(raw_[i], planes_ + unit_offset<4>(place_.row(i), place_.octet_index));
    } else {
      float y[items][octet];
      std::uint32_t largest[items];
      dress(y, largest);
      bool fits = true;
      SIRFP_UNROLL for (int i = 0; i < items; ++i) fits = fits && (i >= items_ || ranges_.fits(place_.row(i), largest[i]));
      if (!fits) ranges_.want(stage);
      device::block_barrier();
      if (ranges_.wanted(stage)) new_ranges(largest);
      SIRFP_UNROLL for (int i = 0; i < items; ++i) if (i < items_)
          store_terms(y[i], ranges_.scale(place_.row(i)), planes_ + unit_offset<4>(place_.row(i), place_.octet_index), layout::term_bytes);
    }
    device::block_barrier();
  }

  // sqrt(w) (x - shift) of all items, the largest magnitude of each, and, on the diagonal, sums and notes.
  SIRFP_DEVICE void dress(float (&y)[items][octet], std::uint32_t (&largest)[items]) {
    const octet_weights w = load_weights(task_, unit_.image, raw_pixel_, unit_.end_pixel);
    SIRFP_UNROLL for (int i = 0; i < items; ++i) {
      largest[i] = 0;
      if (i >= items_) break;
      const bool inside = offset_[i] >= 0;
      const float shift = inside && task_.shifts != nullptr ? task_.shifts[unit_.image * task_.channels + channel_of(i)] : 0.0F;
      std::uint32_t worst = 0;
      float sum = 0;
      SIRFP_UNROLL for (int k = 0; k < octet; ++k) {
        const float x = device::to_float(raw_[i][k]);
        const float centred = inside && raw_pixel_ + k < unit_.end_pixel ? x - shift : 0.0F;
        worst = worst < magnitude_of(x) ? magnitude_of(x) : worst;
        sum += w.weight[k] * (task_.shifts != nullptr ? centred : device::bits_to_float(magnitude_of(centred)));
        y[i][k] = w.root[k] * centred;
        largest[i] = largest[i] < magnitude_of(y[i][k]) ? magnitude_of(y[i][k]) : largest[i];
      }
      if (unit_.diagonal && i < items / 2) {
        sums_[i] += sum_unit * static_cast<double>(sum);
        if (worst >= infinity_bits) note_bad(task_.notes, device_notes::bad_feature, task_.images_before + unit_.image, channel_of(i));
      }
    }
  }

  SIRFP_DEVICE void note_and_sum_raw() {
    if (!unit_.diagonal) return;
    SIRFP_UNROLL for (int i = 0; i < items / 2; ++i) {
      float sum = 0;
      SIRFP_UNROLL for (int k = 0; k < octet; ++k) sum += device::bits_to_float(magnitude_of(device::to_float(raw_[i][k])));
      sums_[i] += static_cast<double>(sum);
      if (task_.again != nullptr && !(sum < largest_native_sum))
        device::atomic_or(task_.again + unit_.image, 1U);
      else if (!device::is_finite(sum))
        note_bad(task_.notes, device_notes::bad_feature, task_.images_before + unit_.image, channel_of(i));
    }
  }

  SIRFP_DEVICE void new_ranges(const std::uint32_t (&largest)[items]) {
    promote_sums();
    SIRFP_UNROLL for (int i = 0; i < items; ++i) if (i < items_) ranges_.report(place_.row(i), largest[i]);
    device::block_barrier();
    ranges_.update();
    device::block_barrier();
  }

  SIRFP_DEVICE void multiply() {
    device::mma_d none[2];
    const unsigned char* const columns = planes_ + (unit_.diagonal ? 0 : Side * split_pixels * 2);
    using half = std::conditional_t<Terms == 2, device::f16, Element>;
    multiply_stage<half, Terms, 4, Side>(planes_, columns, layout::term_bytes, part_, total_, -1, none);
  }

  SIRFP_DEVICE void promote_sums() {
    const int column_side = unit_.diagonal ? 0 : Side;
    promote<Side>(task_.slots + unit_.index * Side * Side, first_, part_, total_, [&](int row, int column) {
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
  warp_part<Side> part_;
  channel_ranges<layout::rows> ranges_;
  unsigned char* planes_;
  int items_;
  bool first_ = true;
  std::int64_t raw_pixel_ = 0;
  std::int64_t offset_[items];
  device::vector_of<Element, octet> raw_[items];
  device::mma_d total_[Side / 32][4] = {};
  double sums_[items / 2] = {};
};

template <class Element, int Terms, int Side>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(stage_place<Side>::threads) gram_split_kernel(gram_task<Element> task) {
  for (std::int64_t k = next_unit(task.queue); k < task.units; k = next_unit(task.queue)) {
    const gram_unit unit = unit_at<Side>(task, k);
    if (task.only != nullptr && task.only[unit.image] == 0) continue;
    split_unit<Element, Terms, Side>(task, unit).run();
  }
}

}  // namespace

template <class Element, int Terms>
void launch_gram_through_registers(const device::launch_shape& shape, const gram_task<Element>& task, int side, void* stream) {
  if (side == large_side)
    device::launch(shape, stream, gram_split_kernel<Element, Terms, large_side>, task);
  else
    device::launch(shape, stream, gram_split_kernel<Element, Terms, small_side>, task);
}

template void launch_gram_through_registers<float, 2>(const device::launch_shape&, const gram_task<float>&, int, void*);
template void launch_gram_through_registers<device::f16, 2>(const device::launch_shape&, const gram_task<device::f16>&, int, void*);
template void launch_gram_through_registers<device::bf16, 2>(const device::launch_shape&, const gram_task<device::bf16>&, int, void*);
template void launch_gram_through_registers<device::f16, 1>(const device::launch_shape&, const gram_task<device::f16>&, int, void*);
template void launch_gram_through_registers<device::bf16, 1>(const device::launch_shape&, const gram_task<device::bf16>&, int, void*);

}  // namespace sirfp
