// Rows of similarity and moments: one map, each way to a matrix over its channels.
#include <memory>

#include "hook.hpp"
#include "matrix_check.hpp"
#include "row.hpp"

namespace sirfp::cli {
namespace {

// One way to the matrix. `run` once, then `matrix` gives it in fp64 on the host.
struct way {
  std::string name;
  std::function<void()> run;
  std::function<at::Tensor()> matrix;
};

way similarity_by(std::string name, const context& ctx, const noise_map& map) {
  const auto state = std::make_shared<similarity_state>();
  return {std::move(name), [=, &ctx] { accumulate_similarity(ctx, map.view(), {}, {}, *state); }, [=] { return matrix_of(*state); }};
}

way moments_by(std::string name, const context& ctx, const noise_map& map) {
  const auto state = std::make_shared<moments_state>();
  return {std::move(name), [=, &ctx] { accumulate_moments(ctx, map.view(), {}, *state); }, [=] { return matrix_of(*state); }};
}

// In fp32: neither the norms nor the products of 16-bit maps fit their type.
way by_hook(at::Tensor (*formula)(const at::Tensor&), const noise_map& map) {
  const auto result = std::make_shared<at::Tensor>();
  return {"hook", [=] { *result = formula(channels_by_pixels(map.tensor, map.axis).to(at::kFloat)).cpu(); },
          [=] { return result->to(at::kDouble); }};
}

bench_row gram_row(std::string operation, const map_kind& kind, const noise_map& map, const std::vector<way>& ways,
                   at::Tensor (*formula)(const at::Tensor&), const bench_setting& setting, stopwatch& watch) {
  bench_row row{
      std::move(operation), kind.shape, kind.layers, gram_workload(kind.shape.channels, kind.shape.pixels(), size_of(setting.type)), {}};
  const matrix_check check(map, formula);
  std::vector<std::function<void()>> runs;
  for (const way& one : ways) {
    one.run();
    row.contestants.push_back({one.name, {}, check.worst_error(one.matrix())});
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
