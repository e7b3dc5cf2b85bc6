// How the copy engine (TMA, sm_90) finds a box of an array: made on the host, given to a kernel by value. One declaration, two definitions:
// tensor_map.cpp beside this file by the driver, tests/emulator/bulk_copy.cpp on the host.
#pragma once

#include <cstdint>

namespace sirfp::device {

struct alignas(128) tensor_map {
  std::uint64_t words[16];
};

// 16-bit values [images][rows][columns], columns adjacent. Data and strides are multiples of 16 bytes.
struct box_source {
  const void* data = nullptr;
  std::int64_t columns = 0;
  std::int64_t rows = 0;
  std::int64_t images = 0;
  std::int64_t row_bytes = 0;  // from a row to the next, below 2^40, as is that from an image to the next
  std::int64_t image_bytes = 0;
};

constexpr int box_columns = 64;  // 128 bytes

// Boxes of box_columns by `box_rows` (256 at most) values of an image, zeros where the array has none. In shared memory a box has rows of
// 128 bytes one behind the other, in each of which the 16-byte unit u of row r stands at u ^ (r mod 8).
// Throws sirfp::failure where the driver refuses.
tensor_map make_tensor_map(const box_source& source, int box_rows);

}  // namespace sirfp::device
