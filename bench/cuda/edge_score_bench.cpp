// Edge scores of one image; the least traffic is the map, read once.
#include "../support/kernel_table.hpp"
#include "gram_row.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/edge_score.hpp"

namespace sirfp::bench {
namespace {

cold_row row_of(const feature_shape& shape, dtype type, bool channels_last) {
  const auto map = std::make_shared<random_map>(type, 1, shape.channels, shape.height, shape.width, channels_last);
  const auto ctx = std::make_shared<context>(cuda_context());
  const auto state = std::make_shared<edge_state>();
  return {[=] { accumulate_edge_score(*ctx, map->view, *state); }, map_bytes(map->view)};
}

}  // namespace

void add_rows() {
  for (const feature_shape& shape : kernel_table())
    for (const dtype type : {dtype::f16, dtype::f32})
      for (const bool channels_last : {false, true}) {
        const feature_view view = feature_view::nchw(nullptr, type, 1, shape.channels, shape.height, shape.width);
        add_row(row_name("edge_score", view, channels_last ? "/channels_last" : ""), [=] { return row_of(shape, type, channels_last); });
      }
}

}  // namespace sirfp::bench
