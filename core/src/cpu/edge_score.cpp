// One pass: rows of 16 channels are packed into a ring of three, and the Sobel magnitudes of the middle one join the running spread.
#include "sirfp/edge_score.hpp"

#include <algorithm>
#include <cmath>

#include "../parts.hpp"
#include "cpu_backend.hpp"
#include "edge_kernel.hpp"
#include "finite.hpp"
#include "panel_pack.hpp"
#include "scratch.hpp"

namespace sirfp {
namespace {

// Five rows: three in the ring, one of zeros, one of magnitudes.
constexpr std::int64_t rows_kept = 5;

running_spread panel_spread(const feature_view& features, simd_level level, std::int64_t image, std::int64_t panel, float* rows) {
  const edge_kernels& kernels = edge_kernels_for(level);
  const pack_kernel pack = pack_kernel_for(level);
  const std::int64_t row_floats = features.width * lane_count;
  float* const zeros = rows + 3 * row_floats;
  float* const magnitudes = rows + 4 * row_floats;
  std::fill_n(zeros, row_floats, 0.0F);
  const auto ring = [&](std::int64_t y) { return rows + y % 3 * row_floats; };
  const auto fetch = [&](std::int64_t y) { pack_pixels(pack, features, image, panel, y * features.width, features.width, ring(y)); };
  running_spread spread;
  fetch(0);
  for (std::int64_t y = 0; y < features.height; ++y) {
    const bool last = y + 1 == features.height;
    if (!last) fetch(y + 1);
    kernels.sobel(y == 0 ? zeros : ring(y - 1), ring(y), last ? zeros : ring(y + 1), features.width, magnitudes);
    kernels.spread(magnitudes, features.width, spread);
  }
  return spread;
}

}  // namespace

void cpu_backend::batch_edge_score(const context& ctx, const feature_view& features, edge_state& batch) const {
  const std::int64_t panels = parts(features.channels, lane_count);
  std::vector<double> spreads(static_cast<std::size_t>(features.images * features.channels));
  ctx.threads->parallel_for(features.images * panels, [&](std::int64_t task) {
    const std::int64_t image = task / panels;
    const std::int64_t panel = task % panels;
    const scratch<float> rows(ctx.memory, rows_kept * features.width * lane_count);
    const running_spread spread = panel_spread(features, level_, image, panel, rows.data());
    const std::int64_t first = panel * lane_count;
    for (std::int64_t c = first; c < std::min(first + lane_count, features.channels); ++c)
      spreads[static_cast<std::size_t>(image * features.channels + c)] = std::sqrt(spread.squares[c - first] / spread.count);
  });
  const bool lone_pixel = features.pixels() == 1;  // its value has no weight in the kernels
  for (std::int64_t image = 0; image < features.images; ++image) {
    const double* found = spreads.data() + image * features.channels;
    const bool in_range = !lone_pixel && std::all_of(found, found + features.channels, [](double s) { return std::isfinite(s); });
    if (!in_range) require_finite(features, image);
    if (in_range)
      for (std::int64_t c = 0; c < features.channels; ++c) batch.sum.data()[c] += found[c];
    else
      reference_backend::batch_edge_score(ctx, one_image(features, image), batch);
  }
}

}  // namespace sirfp
