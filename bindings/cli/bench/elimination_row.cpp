// The row of pairwise elimination: the matrices of all layers of a network in one call.
#include <ATen/ops/eye.h>
#include <ATen/ops/rand.h>

#include <chrono>
#include <map>

#include "hook.hpp"
#include "row.hpp"
#include "sirfp/elimination.hpp"

namespace sirfp::cli {
namespace {

// Signed, symmetric bit for bit, 1 on the diagonal.
at::Tensor random_redundancy(std::int64_t channels) {
  const at::Tensor lower = at::rand({channels, channels}).sub_(0.5).tril_(-1);
  return lower.add(lower.t()).add_(at::eye(channels));
}

redundancy_matrix view_of(const at::Tensor& matrix) {
  return {matrix.const_data_ptr<float>(), /*is_double=*/false, matrix.size(0), matrix.stride(0)};
}

// How many of an order's places differ from the reference backend's.
template <class Index>
std::int64_t misplaced(const std::vector<Index>& order, const at::Tensor& matrix) {
  const redundancy_matrix view = view_of(matrix);
  const elimination reference = eliminate(reference_context(), {&view, 1}).front();
  std::int64_t count = 0;
  for (std::size_t t = 0; t < order.size(); ++t) count += order[t] != reference.order[t];
  return count;
}

double misplaced_share(const std::vector<elimination>& results, const std::vector<at::Tensor>& matrices) {
  std::int64_t wrong = 0;
  std::int64_t places = 0;
  for (std::size_t k = 0; k < results.size(); ++k) {
    wrong += misplaced(results[k].order, matrices[k]);
    places += matrices[k].size(0);
  }
  return static_cast<double>(wrong) / static_cast<double>(places);
}

// The layers of one width: what the first of them takes, `layers` times.
struct same_width {
  std::size_t first = 0;
  std::int64_t layers = 0;
};

std::optional<contestant> hook_over(const std::vector<at::Tensor>& matrices, const std::vector<std::int64_t>& widths, double most_seconds) {
  std::map<std::int64_t, same_width> by_width;
  for (std::size_t k = 0; k < widths.size(); ++k) ++by_width.try_emplace(widths[k], same_width{k, 0}).first->second.layers;
  double spent = 0;
  double all = 0;
  std::int64_t wrong = 0;
  std::int64_t places = 0;
  for (const auto& [width, one] : by_width) {
    const at::Tensor& matrix = matrices[one.first];
    const auto start = std::chrono::steady_clock::now();
    const auto order = eliminate_by_hook(matrix, most_seconds - spent);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!order) return std::nullopt;
    spent += seconds;
    all += seconds * static_cast<double>(one.layers);
    wrong += misplaced(*order, matrix);
    places += width;
  }
  return contestant{"hook", {all, all, 1}, static_cast<double>(wrong) / static_cast<double>(places)};
}

}  // namespace

bench_row elimination_row(const std::vector<layer_shape>& layers, const bench_setting& setting, stopwatch& watch) {
  bench_row row{"elimination", std::nullopt, {}, {}, {}};
  std::vector<std::int64_t> widths;
  std::vector<at::Tensor> on_host;
  std::vector<at::Tensor> matrices;
  std::vector<redundancy_matrix> views;
  for (const layer_shape& layer : layers) {
    row.layers.push_back(layer.name);
    widths.push_back(layer.channels);
    on_host.push_back(random_redundancy(layer.channels));
    matrices.push_back(on_host.back().to(watch.device()));
    views.push_back(view_of(matrices.back()));
  }
  row.work = elimination_workload(widths);

  const std::vector<elimination> ours = eliminate(setting.ours, views);
  const std::optional<contestant> hook = hook_over(on_host, widths, 10 * setting.most_seconds);
  const timing time = race(watch, {[&] { eliminate(setting.ours, views); }}, setting.most_seconds).front();
  row.contestants = {{"ours", time, misplaced_share(ours, on_host)}};
  if (hook) row.contestants.push_back(*hook);
  return row;
}

}  // namespace sirfp::cli
