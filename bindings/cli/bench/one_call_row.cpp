// Rows of a whole network: the maps of all its layers in one call, which on a GPU share launches.
#include <ATen/ops/clone.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "hook.hpp"
#include "matrix_check.hpp"
#include "row.hpp"

namespace sirfp::cli {
namespace {

workload work_of(const std::vector<layer_shape>& layers, dtype type) {
  workload all;
  for (const layer_shape& layer : layers) {
    const workload one = gram_workload(layer.channels, layer.pixels(), size_of(type));
    all = {all.bytes + one.bytes, all.operations + one.operations};
  }
  return all;
}

void accumulate(const context& ctx, std::span<const similarity_reading> readings) { accumulate_similarity(ctx, readings, {}); }
void accumulate(const context& ctx, std::span<const moments_reading> readings) { accumulate_moments(ctx, readings); }

template <class Reading, class State>
bench_row one_call_row(const std::string& operation, const std::vector<layer_shape>& layers, const bench_setting& setting, stopwatch& watch,
                       at::Tensor (*formula)(const at::Tensor&)) {
  bench_row row{operation + " in one call", std::nullopt, {}, {}, {}};
  std::deque<State> states;
  std::vector<noise_map> maps;  // each in memory of its own, as a network's are
  std::vector<Reading> readings;
  std::vector<std::pair<matrix_check, std::size_t>> checks;  // of each kind, and where its states end
  for (const map_kind& kind : distinct_maps(layers)) {
    const noise_map first(kind.shape, setting.type, watch.device());
    const std::size_t begin = states.size();
    for (const std::string& layer : kind.layers) {
      row.layers.push_back(layer);
      maps.push_back(states.size() == begin ? first : noise_map(first.axis, first.tensor.clone()));
      readings.push_back({maps.back().view(), {}, &states.emplace_back()});
    }
    checks.emplace_back(matrix_check(first, formula), states.size());
  }
  row.work = work_of(layers, setting.type);
  const auto call = [&] { accumulate(setting.ours, std::span<const Reading>(readings)); };
  call();
  double worst = 0;
  std::size_t next = 0;
  for (const auto& [check, end] : checks)
    for (; next < end; ++next) worst = std::max(worst, check.worst_error(matrix_of(states[next])));
  row.contestants = {{"ours", race(watch, {call}, setting.most_seconds).front(), worst}};
  return row;
}

}  // namespace

bool fits_one_call(const std::vector<layer_shape>& layers, const bench_setting& setting) {
  return work_of(layers, setting.type).bytes <= static_cast<double>(setting.ours.memory->total_bytes()) / 4;
}

bench_row similarity_in_one_call(const std::vector<layer_shape>& layers, const bench_setting& setting, stopwatch& watch) {
  return one_call_row<similarity_reading, similarity_state>("similarity", layers, setting, watch, redundancy_of);
}

bench_row moments_in_one_call(const std::vector<layer_shape>& layers, const bench_setting& setting, stopwatch& watch) {
  return one_call_row<moments_reading, moments_state>("moments", layers, setting, watch, covariance_of);
}

}  // namespace sirfp::cli
