#include "sirfp/redundancy_sum.hpp"

#include <algorithm>

#include "checks.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {

void add_redundancy_sync(const context& ctx, const similarity_state& layer, const row_positions& rows, redundancy_scale scale,
                         std::int64_t pixels, buffer& square) {
  SIRFP_EXPECTS(layer.channels > 0 && layer.images > 0, "similarity state without images");
  SIRFP_EXPECTS(layer.matrix.size() == packed_size(layer.channels), "similarity state of ", layer.channels, " channels with a matrix of ",
                layer.matrix.size(), " values");
  SIRFP_EXPECTS(pixels > 0, "redundancy of a map of ", pixels, " pixels");
  SIRFP_EXPECTS(!rows.begin.empty() && rows.begin.front() == 0 && std::ranges::is_sorted(rows.begin) &&
                    rows.begin.back() == static_cast<std::int64_t>(rows.channels.size()),
                "rows of ", rows.channels.size(), " positions: expected where each begins, from 0, and their end");
  for (const std::int32_t channel : rows.channels)
    SIRFP_EXPECTS(channel >= 0 && channel < layer.channels, "position ", channel, " of a layer of ", layer.channels, " channels");
  const auto count = static_cast<std::int64_t>(rows.begin.size()) - 1;
  SIRFP_EXPECTS(square.size() == count * count, "redundancy of ", count, " rows in ", square.size(), " values");
  if (rows.channels.empty()) return;
  entry::check_space("similarity state", layer.matrix.space(), ctx.backend->space());
  entry::check_space("redundancy", square.space(), ctx.backend->space());
  expect_sound_sync(layer.notes);
  ctx.backend->add_redundancy(ctx, layer, rows, scale, pixels, square);
}

}  // namespace sirfp
