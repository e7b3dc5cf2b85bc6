#include "gram.hpp"

#include <algorithm>
#include <cmath>

#include "gram_kernel.hpp"
#include "gram_tuning.hpp"
#include "panel_block.hpp"
#include "scratch.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

block_totals make_totals(const gram_plan& plan, packing kind) {
  const auto size = static_cast<std::size_t>(plan.blocks * plan.padded_channels());
  block_totals totals;
  totals.first.resize(size);
  totals.magnitude.resize(size);
  if (kind == packing::centred) totals.shift.resize(size);
  totals.weight.resize(static_cast<std::size_t>(plan.blocks));
  return totals;
}

// Four chains, so that the latency of an addition is hidden.
double sum_of(const float* weights, std::int64_t count) {
  double sums[4] = {};
  for (std::int64_t p = 0; p < count; ++p) sums[p % 4] += static_cast<double>(weights[p]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Square roots of an image's weights and their sum over each block.
void prepare_weights(const gram_plan& plan, const float* weights, std::vector<float>& roots, block_totals& totals) {
  for (std::int64_t b = 0; b < plan.blocks; ++b) {
    const std::int64_t first = plan.block_begin(b);
    const std::int64_t count = plan.block_begin(b + 1) - first;
    totals.weight[static_cast<std::size_t>(b)] = weights == nullptr ? static_cast<double>(count) : sum_of(weights + first, count);
  }
  for (std::size_t p = 0; p < roots.size(); ++p) roots[p] = std::sqrt(weights[p]);
}

class gram_run {
 public:
  gram_run(const context& ctx, simd_level level, const gram_plan& plan, const feature_view& features, const pixel_weights& weights,
           packing kind, gram_sink& sink)
      : ctx_(ctx),
        plan_(plan),
        features_(features),
        weights_(weights),
        sink_(sink),
        multiply_(gram_kernel_for(level)),
        source_{&features, kind, pack_kernel_for(level), &dress_kernels_for(level), nullptr, nullptr},
        panel_stride_(plan.block_pixels * lane_count),
        totals_(static_cast<std::size_t>(plan.images_at_once), make_totals(plan, kind)),
        roots_(static_cast<std::size_t>(plan.images_at_once),
               std::vector<float>(static_cast<std::size_t>(weights.data == nullptr ? 0 : plan.pixels))) {}

  void few_channels() {
    const std::int64_t n = plan_.padded_channels();
    const std::int64_t tasks = plan_.images_at_once * plan_.splits;
    const scratch<float> packed(ctx_.memory, tasks * plan_.panels * panel_stride_);
    const scratch<double> sums(ctx_.memory, tasks * n * n);
    for (std::int64_t image = 0; image < features_.images; image += plan_.images_at_once) {
      const std::int64_t together = std::min(plan_.images_at_once, features_.images - image);
      for (std::int64_t k = 0; k < together; ++k) prepare(image + k, k);
      ctx_.threads->parallel_for(together * plan_.splits, [&](std::int64_t task) {
        multiply_split(image, task, packed.data() + task * plan_.panels * panel_stride_, sums.data() + task * n * n);
      });
      for (std::int64_t k = 0; k < together; ++k)
        if (sink_.begin_image(image + k, totals_[static_cast<std::size_t>(k)])) reduce_splits(sums.data() + k * plan_.splits * n * n);
    }
  }

  void many_channels() {
    const scratch<float> packed(ctx_.memory, plan_.panels * panel_stride_);
    const std::vector<tile_position> tiles = tiles_of(plan_);
    buffer carried;  // sums of the blocks before the last one
    if (plan_.blocks > 1) carried = buffer(ctx_.memory, packed_size(plan_.channels));
    for (std::int64_t image = 0; image < features_.images; ++image) {
      prepare(image, 0);
      for (std::int64_t block = 0; block < plan_.blocks; ++block) {
        const panel_source source = source_of(image, 0);
        ctx_.threads->parallel_for(plan_.panels, [&](std::int64_t panel) {
          pack_panel_block(source, plan_, image, block, panel, packed.data() + panel * panel_stride_, totals_[0]);
        });
        const bool last = block + 1 == plan_.blocks;
        if (last && !sink_.begin_image(image, totals_[0])) break;
        ctx_.threads->parallel_for(static_cast<std::int64_t>(tiles.size()), [&](std::int64_t task) {
          multiply_shared(block, tiles[static_cast<std::size_t>(task)], packed.data(), carried.data());
        });
      }
    }
  }

 private:
  const float* weights_of(std::int64_t image) const {
    return weights_.data == nullptr ? nullptr : weights_.data + image * weights_.image_stride;
  }
  void prepare(std::int64_t image, std::int64_t slot) {
    const auto k = static_cast<std::size_t>(slot);
    prepare_weights(plan_, weights_of(image), roots_[k], totals_[k]);
  }
  panel_source source_of(std::int64_t image, std::int64_t slot) const {
    panel_source source = source_;
    source.weights = weights_of(image);
    if (source.weights != nullptr) source.roots = roots_[static_cast<std::size_t>(slot)].data();
    return source;
  }

  // Packs and multiplies the blocks of one split, all in the second cache.
  void multiply_split(std::int64_t first_image, std::int64_t task, float* packed, double* sums) {
    const std::int64_t slot = task / plan_.splits;
    const std::int64_t n = plan_.padded_channels();
    const std::int64_t blocks = plan_.blocks / plan_.splits;
    const panel_source source = source_of(first_image + slot, slot);
    std::fill_n(sums, n * n, 0.0);
    for (std::int64_t block = task % plan_.splits * blocks, end = block + blocks; block < end; ++block) {
      for (std::int64_t panel = 0; panel < plan_.panels; ++panel)
        pack_panel_block(source, plan_, first_image + slot, block, panel, packed + panel * panel_stride_,
                         totals_[static_cast<std::size_t>(slot)]);
      const std::int64_t pixels = plan_.block_begin(block + 1) - plan_.block_begin(block);
      multiply_({packed, panel_stride_, pixels, 0, plan_.panels, 0, plan_.panels, sums, n});
    }
  }

  // In the order of the pixels.
  void reduce_splits(double* sums) {
    const std::int64_t n = plan_.padded_channels();
    for (std::int64_t row = 0; row < plan_.channels; ++row) {
      double* total = sums + row * n;
      for (std::int64_t split = 1; split < plan_.splits; ++split) {
        const double* part = sums + (split * n + row) * n;
        for (std::int64_t j = 0; j <= row; ++j) total[j] += part[j];
      }
      sink_.add_row(row, 0, row + 1, total);
    }
  }

  void multiply_shared(std::int64_t block, const tile_position& at, const float* packed, double* carried) {
    constexpr std::int64_t side = gram_tuning::tile_panels * lane_count;
    alignas(64) double sums[side * side] = {};
    gram_tile tile{packed, panel_stride_, plan_.block_begin(block + 1) - plan_.block_begin(block)};
    tile.row_begin = at.row * plan_.tile_panels;
    tile.row_end = std::min(tile.row_begin + plan_.tile_panels, plan_.panels);
    tile.column_begin = at.column * plan_.tile_panels;
    tile.column_end = std::min(tile.column_begin + plan_.tile_panels, plan_.panels);
    tile.sums = sums;
    tile.row_stride = side;
    multiply_(tile);
    const std::int64_t column = tile.column_begin * lane_count;
    for (std::int64_t row = tile.row_begin * lane_count; row < std::min(tile.row_end * lane_count, plan_.channels); ++row)
      hand_over(block, row, column, std::min(row + 1, tile.column_end * lane_count) - column,
                sums + (row - tile.row_begin * lane_count) * side, carried);
  }

  void hand_over(std::int64_t block, std::int64_t row, std::int64_t column, std::int64_t count, double* sums, double* carried) {
    if (plan_.blocks > 1) {
      double* before = carried + packed_index(row, column);
      if (block == 0) {
        std::copy_n(sums, count, before);
      } else {
        for (std::int64_t k = 0; k < count; ++k) sums[k] = before[k] + sums[k];
        if (block + 1 < plan_.blocks) std::copy_n(sums, count, before);
      }
    }
    if (block + 1 == plan_.blocks) sink_.add_row(row, column, count, sums);
  }

  const context& ctx_;
  const gram_plan& plan_;
  const feature_view& features_;
  const pixel_weights& weights_;
  gram_sink& sink_;
  gram_kernel multiply_;
  panel_source source_;
  std::int64_t panel_stride_;
  std::vector<block_totals> totals_;
  std::vector<std::vector<float>> roots_;
};

}  // namespace

void form_gram(const context& ctx, simd_level level, const gram_plan& plan, const feature_view& features, const pixel_weights& weights,
               packing kind, gram_sink& sink) {
  gram_run run(ctx, level, plan, features, weights, kind, sink);
  if (plan.splits > 0)
    run.few_channels();
  else
    run.many_channels();
}

}  // namespace sirfp
