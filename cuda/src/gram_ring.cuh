// Stages of 64 pixels of a tile's channels, on their way through shared memory by cp.async. A stage is [channel][pixel], rows of the tile
// first, then its columns (not on the diagonal), rows of 128 bytes whose 16-byte units are permuted (unit_offset). `next(s)` is called for
// every stage in turn and returns where it lies; it stays there until the next call, and two more are on their way meanwhile.
//
// cp.async takes 16 bytes from a boundary of 16 bytes to another. Where channels do not begin on one (`Shifted`), the words that cover a
// stage are copied, and each thread moves half of a row into place: 10 units read and 8 written for 64 pixels, with no two threads of a
// quarter warp in a bank. The word before the stage's first one is the last of the stage before, which the thread has kept. The first of
// all is put together by single values, and the last ones end with the range: nothing outside it is read.
#pragma once

#include <cstdint>

#include "device/async_copy.cuh"
#include "device/vectors.cuh"
#include "gram_multiply.cuh"
#include "gram_octet.cuh"
#include "gram_task.cuh"

namespace sirfp {

constexpr int row_units = 8;  // of 16 bytes
constexpr int unit_pixels = 8;

template <class Half, int Side, bool Shifted>
class stage_ring {
 public:
  static constexpr int threads = warp_part<Side, Side / 2>::threads;
  static constexpr std::size_t side_bytes = std::size_t{Side} * row_units * 16;

  SIRFP_DEVICE stage_ring(const gram_task<Half>& task, const gram_unit& unit)
      : task_(task), unit_(unit), image_(task.features.data + unit.image * task.features.image_stride) {}

  SIRFP_DEVICE int stages() const { return (unit_.end_pixel - unit_.first_pixel + stage_pixels - 1) / stage_pixels; }
  SIRFP_DEVICE void open() {
    copy_stage(0);
    copy_stage(1);
    if constexpr (Shifted) {
      before_[0] = first_unit(unit_.first_row + own_row());
      if (has_columns()) before_[1] = first_unit(unit_.first_column + own_row());
    }
  }
  SIRFP_DEVICE const unsigned char* next(int stage) {
    device::wait_for_copies<1>();
    device::block_barrier();  // the stage is there for all, and nobody reads the one before any more
    if constexpr (Shifted) {
      move_side(slot(stage % copied_slots), slot(copied_slots), before_[0]);
      if (has_columns()) move_side(slot(stage % copied_slots) + side_bytes, slot(copied_slots) + side_bytes, before_[1]);
      device::block_barrier();
    }
    copy_stage(stage + 2);
    return Shifted ? slot(copied_slots) : slot(stage % copied_slots);
  }

 private:
  static constexpr int stage_pixels = gram_tuning::native_pixels;
  static constexpr int copied_slots = Shifted ? gram_tuning::stages - 1 : gram_tuning::stages;
  static constexpr std::size_t slots_at = 128;
  static_assert(gram_tuning::stages == 3 && threads == 2 * Side);

  // A small tile is a matrix's only one.
  SIRFP_DEVICE bool has_columns() const { return Side != gram_tuning::small_side && !unit_.diagonal; }
  static SIRFP_DEVICE unsigned char* slot(int index) {
    return device::shared_array<unsigned char>(slots_at + static_cast<std::size_t>(index) * 2 * side_bytes);
  }
  static SIRFP_DEVICE int own_row() { return device::thread_index() % Side; }
  SIRFP_DEVICE const Half* row(std::int32_t channel) const { return image_ + channel * task_.features.channel_stride; }
  // Values between a boundary of 16 bytes and the channel's first pixel; the same for channels that are a multiple of 8 apart.
  SIRFP_DEVICE int phase(std::int32_t channel) const {
    return static_cast<int>(reinterpret_cast<std::uintptr_t>(row(channel)) / sizeof(Half) % unit_pixels);
  }

  // Every thread commits a group a stage, an empty one beyond the end, so that waiting counts stages.
  SIRFP_DEVICE void copy_stage(int stage) {
    if (stage < stages()) {
      unsigned char* const to = slot(stage % copied_slots);
      const std::int32_t pixel = unit_.first_pixel + stage * stage_pixels;
      copy_side(to, unit_.first_row, pixel);
      if (has_columns()) copy_side(to + side_bytes, unit_.first_column, pixel);
    }
    device::commit_copies();
  }
  SIRFP_DEVICE void copy_side(unsigned char* to, std::int32_t first_channel, std::int32_t pixel) {
    const int skipped = Shifted ? unit_pixels - phase(first_channel + device::thread_index() / row_units) : 0;
    SIRFP_UNROLL for (int k = device::thread_index(); k < Side * row_units; k += threads) {
      const std::int32_t channel = first_channel + k / row_units;
      const std::int32_t from = pixel + k % row_units * unit_pixels + skipped;
      const std::int32_t left = channel < task_.channels ? unit_.end_pixel - from : 0;
      const int bytes = left >= unit_pixels ? 16 : left <= 0 ? 0 : left * 2;
      const Half* const source = bytes == 0 && !Shifted ? image_ : row(channel) + from;
      device::copy_16_async(to + unit_offset<row_units>(k / row_units, k % row_units), source, bytes);
    }
  }

  // The unit that holds the range's first pixel, with zeros before it.
  SIRFP_DEVICE unit_words first_unit(std::int32_t channel) const {
    const int skipped = phase(channel);
    const std::int32_t end = channel < task_.channels ? unit_.end_pixel : 0;
    const auto value = [&](int i) {
      const std::int32_t pixel = unit_.first_pixel + i - skipped;
      return i >= skipped && pixel < end ? row(channel)[pixel] : Half{};
    };
    unit_words words;
    SIRFP_UNROLL for (int i = 0; i < 4; ++i) words[i] = device::pack_pair(value(2 * i), value(2 * i + 1));
    return words;
  }
  // A thread moves the first or the second half of its row; `before` is the unit before the row, and becomes its last one.
  SIRFP_DEVICE void move_side(const unsigned char* from, unsigned char* to, unit_words& before) {
    const int row = own_row();
    const int half = device::thread_index() / Side * (row_units / 2);
    const int skipped = phase(unit_.first_row + row);
    const auto load = [&](int unit) {
      return device::load_vector<4>(reinterpret_cast<const std::uint32_t*>(from + unit_offset<row_units>(row, unit)));
    };
    unit_words former = half == 0 ? before : load(half - 1);
    SIRFP_UNROLL for (int k = 0; k < row_units / 2; ++k) {
      const unit_words own = load(half + k);
      device::store_vector(reinterpret_cast<std::uint32_t*>(to + unit_offset<row_units>(row, half + k)), values_from(former, own, skipped));
      former = own;
    }
    if (half == 0) before = load(row_units - 1);
  }

  const gram_task<Half>& task_;
  const gram_unit& unit_;
  const Half* image_;
  unit_words before_[Shifted ? 2 : 1];  // of the thread's row and column
};

}  // namespace sirfp
