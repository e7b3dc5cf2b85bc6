// How a Gram matrix is cut into tasks. A pure function of plain numbers, never of the number of threads: so neither is the result.
#pragma once

#include <cstdint>
#include <vector>

namespace sirfp {

struct gram_plan {
  std::int64_t channels = 0;
  std::int64_t pixels = 0;
  std::int64_t panels = 0;        // of 16 channels
  std::int64_t blocks = 0;        // pixel ranges of an image, packed one after the other
  std::int64_t block_pixels = 0;  // the longest of them
  // Few channels: `splits` tasks an image, each packs its own blocks and multiplies them into its own sums, `images_at_once` images in
  // flight. Many channels (splits = 0): all tasks pack a block together, then share out the tiles of the triangle.
  std::int64_t splits = 0;
  std::int64_t images_at_once = 1;
  std::int64_t tile_panels = 0;  // rows and columns of a tile

  std::int64_t padded_channels() const noexcept { return panels * 16; }
  std::int64_t block_begin(std::int64_t block) const noexcept;  // a multiple of 16, or `pixels` at the end
  std::int64_t tile_rows() const noexcept { return (panels + tile_panels - 1) / tile_panels; }
};

gram_plan plan_gram(std::int64_t channels, std::int64_t pixels, std::int64_t images) noexcept;

// The tiles of the triangle, those with most work first (row by row among equals), so that the last ones to finish are small.
struct tile_position {
  std::int64_t row, column;
};
std::vector<tile_position> tiles_of(const gram_plan& plan);

}  // namespace sirfp
