// How a Gram matrix is cut into tasks. A pure function of plain numbers, never of the number of threads: so neither is the result.
#pragma once

#include <cstdint>

namespace sirfp {

struct gram_plan {
  std::int64_t channels = 0;
  std::int64_t pixels = 0;
  std::int64_t panels = 0;        // of 16 channels
  std::int64_t blocks = 0;        // pixel ranges of an image, packed one after the other
  std::int64_t block_pixels = 0;  // the longest of them
  // Few channels: `splits` tasks an image, each packs its own blocks and multiplies them into its own sums, `images_at_once` images in flight.
  // Many channels (splits = 0): all tasks pack a block together, then share out the tiles of the triangle.
  std::int64_t splits = 0;
  std::int64_t images_at_once = 1;
  std::int64_t tile_panels = 0;  // rows and columns of a tile

  std::int64_t padded_channels() const noexcept { return panels * 16; }
  std::int64_t block_begin(std::int64_t block) const noexcept;  // a multiple of 16, or `pixels` at the end
  std::int64_t tile_rows() const noexcept { return (panels + tile_panels - 1) / tile_panels; }
  std::int64_t tiles() const noexcept { return tile_rows() * (tile_rows() + 1) / 2; }
};

gram_plan plan_gram(std::int64_t channels, std::int64_t pixels, std::int64_t images) noexcept;

// Tile `index` of the triangle, row by row from the last row (the largest tiles first).
struct tile_position {
  std::int64_t row, column;
};
tile_position tile_at(const gram_plan& plan, std::int64_t index) noexcept;

}  // namespace sirfp
