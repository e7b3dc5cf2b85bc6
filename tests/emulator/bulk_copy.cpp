#include "bulk_copy.hpp"

#include <algorithm>
#include <cstring>

#include "mbarrier.hpp"
#include "sirfp/expects.hpp"
#include "threads.hpp"

namespace sirfp::emulator {
namespace {

constexpr int row_bytes = device::box_columns * 2;

// What a tensor_map holds here.
struct boxes {
  device::box_source source;
  std::int64_t rows;  // of a box
};
static_assert(sizeof(boxes) <= sizeof(device::tensor_map));

boxes boxes_of(const device::tensor_map& map) {
  boxes found{};
  std::memcpy(static_cast<void*>(&found), &map, sizeof found);
  return found;
}

void copy_box(const pending_box& copy) {
  const boxes from = boxes_of(*static_cast<const device::tensor_map*>(copy.map));
  const auto inside = [](std::int64_t index, std::int64_t extent) { return index >= 0 && index < extent; };
  for (std::int64_t r = 0; r < from.rows; ++r)
    for (std::int64_t c = 0; c < device::box_columns; ++c) {
      std::uint16_t value = 0;
      const std::int64_t row = copy.row + r;
      const std::int64_t column = copy.column + c;
      if (inside(copy.image, from.source.images) && inside(row, from.source.rows) && inside(column, from.source.columns))
        std::memcpy(&value,
                    static_cast<const unsigned char*>(from.source.data) + copy.image * from.source.image_bytes +
                        row * from.source.row_bytes + column * 2,
                    2);
      // Bits 4-6 of the address are changed by bits 7-9.
      const auto at = static_cast<std::uint32_t>(r * row_bytes + c * 2);
      std::memcpy(copy.shared + (at ^ (at >> 7 & 7U) << 4), &value, 2);
    }
}

}  // namespace

void copy_box_async(void* shared, const device::tensor_map& map, int image, int row, int column, std::uint64_t* counter) {
  if (shared_address(shared) % 1024 != 0) fail("copy of a box: not at a multiple of 1,024 bytes of shared memory");
  const auto bytes = static_cast<int>(boxes_of(map).rows * row_bytes);
  std::memset(shared, 0xff, static_cast<std::size_t>(bytes));
  this_thread().home->boxes.push_back({static_cast<unsigned char*>(shared), &map, image, row, column, bytes, counter});
}

void finish_box_copies(const std::uint64_t* counter) {
  std::vector<pending_box>& boxes = this_thread().home->boxes;
  const auto first = std::stable_partition(boxes.begin(), boxes.end(), [&](const pending_box& box) { return box.counter != counter; });
  const std::vector<pending_box> mine(first, boxes.end());
  boxes.erase(first, boxes.end());
  for (const pending_box& box : mine) {
    copy_box(box);
    complete_bytes(box.counter, box.bytes);
  }
}

}  // namespace sirfp::emulator

namespace sirfp::device {

// The driver's rules, as its documentation has them.
tensor_map make_tensor_map(const box_source& source, int box_rows) {
  const auto multiple = [](std::int64_t bytes) { return bytes > 0 && bytes % 16 == 0 && bytes < std::int64_t{1} << 40; };
  const bool sizes = source.columns > 0 && source.rows > 0 && source.images > 0 && box_rows > 0 && box_rows <= 256;
  if (!sizes || !multiple(source.row_bytes) || !multiple(source.image_bytes) || reinterpret_cast<std::uintptr_t>(source.data) % 16 != 0)
    throw failure(text("emulator: no tensor map of ", source.images, " x ", source.rows, " x ", source.columns, " values, strides of ",
                       source.image_bytes, " and ", source.row_bytes, " bytes"));
  tensor_map map{};
  const emulator::boxes held{source, box_rows};
  std::memcpy(&map, &held, sizeof held);
  return map;
}

}  // namespace sirfp::device
