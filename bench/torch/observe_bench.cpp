// What observation adds to the forward passes that it rides on, in time and in memory, on a network of yours:
//   SIRFP_BENCH_NETWORK=net.pt [SIRFP_BENCH_SIZE=360x480] observe_bench
// Plain module.forward(), the graph runner alone, and observation take turns on one image of noise; times are the least of all turns. Peaks
// are of the process's resident memory above what it held before, each mode on its own.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "../support/best_of.hpp"
#include "sirfp/adapter/observe.hpp"

namespace {

using namespace sirfp;

constexpr int turns = 7;

double status_mb(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return std::stod(line.substr(field.size() + 1)) / 1024;
  return 0;
}

template <class Work>
double peak_mb(const Work& work) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak starts anew
  const double before = status_mb("VmRSS");
  work();
  return status_mb("VmHWM") - before;
}

struct subject {
  explicit subject(const char* path) : net(adapter::load_network(std::filesystem::path(path))) {
    int height = 360;
    int width = 480;
    if (const char* size = std::getenv("SIRFP_BENCH_SIZE")) std::sscanf(size, "%dx%d", &height, &width);
    image = at::randn({1, 3, height, width});
    captured = adapter::capture(net, image);
    graph = analyse_channels(captured.ops);
  }
  double largest_map_mb() const {
    double most = 0;
    for (const op_value& value : captured.ops.values) {
      double elements = 1;
      for (const auto extent : value.shape) elements *= static_cast<double>(extent);
      if (value.kind == op_value::role::activation) most = std::max(most, elements * 4e-6);
    }
    return most;
  }
  adapter::network net;
  at::Tensor image;
  adapter::captured_network captured;
  channel_graph graph;
};

double megabytes(const calibration_state& state) {
  double values = 0;
  for (const auto& [name, layer] : state.layers) values += static_cast<double>(layer.matrix.size());
  for (const auto& [name, layer] : state.edges) values += static_cast<double>(layer.sum.size());
  for (const auto& [name, site] : state.sites) values += static_cast<double>(site.mean.size() + site.scatter.size());
  return values * 8e-6;
}

void observe(benchmark::State& state, int threads) {
  const char* path = std::getenv("SIRFP_BENCH_NETWORK");
  if (path == nullptr) return state.SkipWithError("set SIRFP_BENCH_NETWORK to a TorchScript file");
  at::globalContext().setFlushDenormal(true);
  at::set_num_threads(threads);
  const c10::InferenceMode no_gradients;
  const subject net(path);
  const context ctx = cpu_context(adapter::aten_executor());
  const auto observer_of = [&](const adapter::observe_options& options) {
    return adapter::observer(ctx, net.net, net.captured, net.graph, options);
  };
  adapter::observe_options options;
  const auto both = observer_of(options);
  options.edges = true;
  const auto all = observer_of(options);
  options.edges = options.moments = false;
  const auto similarities = observer_of(options);
  const adapter::runner runner(net.net);
  auto module = net.net.module;
  bench::best_of plain, graph, redundancy, sums, edges;
  calibration_state a, b, c;
  for (auto _ : state) {
    plain.run([&] { benchmark::DoNotOptimize(module.forward({net.image})); });
    graph.run([&] { benchmark::DoNotOptimize(runner(net.image)); });
    redundancy.run([&] { similarities.add(net.image, {"noise"}, a); });
    sums.run([&] { both.add(net.image, {"noise"}, b); });
    edges.run([&] { all.add(net.image, {"noise"}, c); });
  }
  state.counters["forward_ms"] = plain.wall_ms;
  state.counters["runner"] = graph.wall_ms / plain.wall_ms;
  state.counters["similarity"] = redundancy.wall_ms / plain.wall_ms;
  state.counters["observe"] = sums.wall_ms / plain.wall_ms;
  state.counters["with_edges"] = edges.wall_ms / plain.wall_ms;
  state.counters["forward_peak_MB"] = peak_mb([&] { module.forward({net.image}); });
  calibration_state fresh;
  state.counters["observe_peak_MB"] = peak_mb([&] {
    both.add(net.image, {"noise"}, fresh);
    both.add(net.image, {"noise"}, fresh);
  });
  state.counters["state_MB"] = megabytes(fresh);
  state.counters["largest_map_MB"] = net.largest_map_mb();
}

BENCHMARK_CAPTURE(observe, threads_1, 1)->Iterations(turns)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(observe, threads_2, 2)->Iterations(turns)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
