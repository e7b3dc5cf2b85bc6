// Rows of similarity and moments: one map, each way to a matrix over its channels.
#include <ATen/ops/arange.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <memory>

#include "hook.hpp"
#include "row.hpp"
#include "sirfp/adapter/observe.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/packed.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp::cli {
namespace {

at::ScalarType scalar_type_of(dtype type) { return type == dtype::f32 ? at::kFloat : type == dtype::f16 ? at::kHalf : at::kBFloat16; }

struct noise_map {
  noise_map(const layer_shape& shape, dtype type, at::Device device)
      : axis(shape.channels_last ? 3 : 1),
        tensor(at::randn(shape.channels_last ? std::vector<std::int64_t>{1, shape.height, shape.width, shape.channels}
                                             : std::vector<std::int64_t>{1, shape.channels, shape.height, shape.width})
                   .to(device, scalar_type_of(type))) {}
  feature_view view() const { return adapter::view_of(tensor, axis); }
  std::int64_t axis;
  at::Tensor tensor;
};

// One way to the matrix. `run` once, then `matrix` gives it in fp64 on the host.
struct way {
  std::string name;
  std::function<void()> run;
  std::function<at::Tensor()> matrix;
};

at::Tensor square_of(const std::vector<double>& packed, std::int64_t channels) {
  return at::tensor(unpack(packed, channels)).view({channels, channels});
}

way similarity_by(std::string name, const context& ctx, const noise_map& map) {
  const auto state = std::make_shared<similarity_state>();
  return {std::move(name), [=, &ctx] { accumulate_similarity(ctx, map.view(), {}, {}, *state); },
          [=] { return square_of(mean_redundancy_sync(*state), state->channels); }};
}

way moments_by(std::string name, const context& ctx, const noise_map& map) {
  const auto state = std::make_shared<moments_state>();
  return {std::move(name), [=, &ctx] { accumulate_moments(ctx, map.view(), {}, *state); },
          [=] { return square_of(moments_sync(*state).covariance, state->channels); }};
}

// In fp32: neither the norms nor the products of 16-bit maps fit their type.
way by_hook(at::Tensor (*formula)(const at::Tensor&), const noise_map& map) {
  const auto result = std::make_shared<at::Tensor>();
  return {"hook", [=] { *result = formula(channels_by_pixels(map.tensor, map.axis).to(at::kFloat)).cpu(); },
          [=] { return result->to(at::kDouble); }};
}

// Evenly spaced channels, so few that fp64 is done with them in a second.
at::Tensor checked_channels(const layer_shape& shape) {
  constexpr double products = 2e9;
  const auto few = static_cast<std::int64_t>(std::sqrt(products / static_cast<double>(shape.pixels())));
  const std::int64_t count = std::clamp<std::int64_t>(few, std::min<std::int64_t>(shape.channels, 16), shape.channels);
  return (at::arange(count) * shape.channels).floor_divide(count);
}

// max |got - exact| / sqrt(exact_ii exact_jj), METHOD 8, over the rows and columns of `channels`. Of a map of one pixel the covariance is
// 0, and the error absolute.
double worst_error(const at::Tensor& got, const at::Tensor& exact, const at::Tensor& channels) {
  const at::Tensor scale = exact.diagonal().sqrt();
  const at::Tensor part = got.index_select(0, channels).index_select(1, channels);
  const at::Tensor size = at::outer(scale, scale);
  return ((part - exact).abs() / size.masked_fill(size == 0, 1)).max().item<double>();
}

bench_row gram_row(std::string operation, const map_kind& kind, const noise_map& map, const std::vector<way>& ways,
                   at::Tensor (*formula)(const at::Tensor&), const bench_setting& setting, stopwatch& watch) {
  bench_row row{
      std::move(operation), kind.shape, kind.layers, gram_workload(kind.shape.channels, kind.shape.pixels(), size_of(setting.type)), {}};
  const at::Tensor channels = checked_channels(kind.shape);
  const at::Tensor rows = channels_by_pixels(map.tensor, map.axis).index_select(0, channels.to(map.tensor.device()));
  const at::Tensor exact = formula(rows.to(at::kDouble)).cpu();
  std::vector<std::function<void()>> runs;
  for (const way& one : ways) {
    one.run();
    row.contestants.push_back({one.name, {}, worst_error(one.matrix(), exact, channels)});
    runs.push_back(one.run);
  }
  const std::vector<timing> times = race(watch, runs, setting.most_seconds);
  for (std::size_t k = 0; k < times.size(); ++k) row.contestants[k].time = times[k];
  return row;
}

}  // namespace

bench_row similarity_row(const map_kind& kind, const bench_setting& setting, stopwatch& watch) {
  const noise_map map(kind.shape, setting.type, watch.device());
  std::vector<way> ways = {similarity_by("ours", setting.ours, map), by_hook(redundancy_of, map)};
  if (setting.cublas) ways.push_back(similarity_by("cublas", *setting.cublas, map));
  return gram_row("similarity", kind, map, ways, redundancy_of, setting, watch);
}

bench_row moments_row(const map_kind& kind, const bench_setting& setting, stopwatch& watch) {
  const noise_map map(kind.shape, setting.type, watch.device());
  std::vector<way> ways = {moments_by("ours", setting.ours, map), by_hook(covariance_of, map)};
  if (setting.cublas) ways.push_back(moments_by("cublas", *setting.cublas, map));
  return gram_row("moments", kind, map, ways, covariance_of, setting, watch);
}

}  // namespace sirfp::cli
