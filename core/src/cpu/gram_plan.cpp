#include "gram_plan.hpp"

#include <algorithm>

#include "../parts.hpp"
#include "gram_tuning.hpp"

namespace sirfp {
std::int64_t gram_plan::block_begin(std::int64_t block) const noexcept {
  const std::int64_t granules = parts(pixels, 16);
  // granules * block / blocks without overflow: blocks < 2^31 in any matrix that fits memory, so split the product
  const std::int64_t whole = granules / blocks * block + granules % blocks * block / blocks;
  return std::min(pixels, whole * 16);
}

gram_plan plan_gram(std::int64_t channels, std::int64_t pixels, std::int64_t images) noexcept {
  gram_plan plan;
  plan.channels = channels;
  plan.pixels = pixels;
  plan.panels = parts(channels, 16);
  const bool few = channels <= gram_tuning::few_channels;
  const std::int64_t budget = few ? gram_tuning::private_block_bytes : gram_tuning::shared_block_bytes;
  const std::int64_t longest = std::clamp(budget / (plan.panels * 64), gram_tuning::least_block_pixels, gram_tuning::most_block_pixels);
  const std::int64_t needed = parts(pixels, longest);
  if (few) {
    plan.splits = std::clamp<std::int64_t>(pixels / gram_tuning::split_pixels, 1, gram_tuning::most_splits);
    plan.blocks = plan.splits * parts(needed, plan.splits);
    plan.images_at_once = std::clamp<std::int64_t>(gram_tuning::most_splits / plan.splits, 1, std::max<std::int64_t>(images, 1));
    plan.tile_panels = plan.panels;
  } else {
    plan.blocks = needed;
    plan.tile_panels = gram_tuning::tile_panels;
  }
  plan.block_pixels = std::min(pixels, parts(parts(pixels, 16), plan.blocks) * 16);
  return plan;
}

std::vector<tile_position> tiles_of(const gram_plan& plan) {
  std::vector<tile_position> tiles;
  for (std::int64_t row = 0; row < plan.tile_rows(); ++row)
    for (std::int64_t column = 0; column <= row; ++column) tiles.push_back({row, column});
  const auto work = [&plan](const tile_position& tile) {
    const std::int64_t rows = std::min(plan.tile_panels, plan.panels - tile.row * plan.tile_panels);
    return tile.row == tile.column ? rows * (rows + 1) / 2 : rows * plan.tile_panels;
  };
  std::stable_sort(tiles.begin(), tiles.end(), [&](const tile_position& a, const tile_position& b) { return work(a) > work(b); });
  return tiles;
}

}  // namespace sirfp
