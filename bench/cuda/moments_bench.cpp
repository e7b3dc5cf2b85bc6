// Moments of one image merged into a state, over the table of docs/performance/gram.md; `error` is against the fp64 kernels.
#include "../support/kernel_table.hpp"
#include "gram_row.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/moments.hpp"

namespace sirfp::bench {
namespace {

std::vector<double> covariance_of(const random_map& map, const context& ctx) {
  moments_state state;
  accumulate_moments(ctx, map.view, {}, state);
  return moments_sync(state).covariance;
}

cold_row row_of(const feature_shape& shape, dtype type) {
  const auto map = std::make_shared<random_map>(type, 1, shape.channels, shape.height, shape.width);
  const auto ctx = std::make_shared<context>(cuda_context());
  const auto state = std::make_shared<moments_state>();
  const auto run = [=] { accumulate_moments(*ctx, map->view, {}, *state); };
  const context strict = cuda_context(0, nullptr, nullptr, {gram_precision::strict});
  const double error = worst_error(covariance_of(*map, *ctx), covariance_of(*map, strict), shape.channels);
  return {run, map_bytes(map->view), gram_flop(map->view, 3), {{"error", error}}};
}

}  // namespace

void add_rows() {
  for (const feature_shape& shape : kernel_table())
    for (const dtype type : {dtype::f16, dtype::f32}) {
      const feature_view view = feature_view::nchw(nullptr, type, 1, shape.channels, shape.height, shape.width);
      add_row(row_name("moments", view), [=] { return row_of(shape, type); });
    }
}

}  // namespace sirfp::bench
