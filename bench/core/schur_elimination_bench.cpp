// Joint elimination of one site until nothing is left. `panel` 1 is one update of P and M a removal (the same code, no delay); the textbook
// loops of the reference backend stand beside it at sizes that they finish.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "sirfp/schur_elimination.hpp"

namespace {

struct site {
  std::int64_t n;
  std::vector<double> covariance, metric;
  std::vector<std::int32_t> channel;

  explicit site(std::int64_t positions) : n(positions), covariance(gram(1)), metric(gram(2)), channel(static_cast<std::size_t>(positions)) {
    std::iota(channel.begin(), channel.end(), 0);
  }
  // A band of correlated neighbours: positive definite, and cheap to make.
  std::vector<double> gram(std::uint64_t seed) const {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    constexpr std::int64_t width = 24;
    std::vector<double> rows(static_cast<std::size_t>(n * width)), made(static_cast<std::size_t>(n * n), 0.0);
    for (double& value : rows) value = normal(random);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = std::max<std::int64_t>(0, i - width + 1); j <= i; ++j) {
        double sum = 0;
        for (std::int64_t k = i - j; k < width; ++k)
          sum += rows[static_cast<std::size_t>(i * width + k - (i - j))] * rows[static_cast<std::size_t>(j * width + k)];
        made[static_cast<std::size_t>(i * n + j)] = made[static_cast<std::size_t>(j * n + i)] = sum;
      }
    return made;
  }
  sirfp::schur_site view() const { return {n, covariance.data(), metric.data(), channel}; }
};

void eliminate(benchmark::State& state, const sirfp::context& ctx, std::int64_t panel) {
  const site data(state.range(0));
  const sirfp::schur_site view = data.view();
  for (auto _ : state) benchmark::DoNotOptimize(sirfp::eliminate_joint(ctx, data.n, {&view, 1}, {.panel = panel}));
}

void blocked(benchmark::State& state) {
  eliminate(state, sirfp::cpu_context(sirfp::make_thread_pool(static_cast<int>(state.range(1)))), 0);
}
BENCHMARK(blocked)->ArgsProduct({{64, 128, 256, 512, 1024, 2048}, {1, 2}})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(blocked)->Args({4096, 2})->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

void blocked_by_panel(benchmark::State& state) { eliminate(state, sirfp::cpu_context(sirfp::make_thread_pool(1)), state.range(1)); }
BENCHMARK(blocked_by_panel)->ArgsProduct({{256, 512, 1024, 2048}, {16, 32, 48, 64, 96, 128}})->Unit(benchmark::kMillisecond)->UseRealTime();

void rank_one(benchmark::State& state) { eliminate(state, sirfp::cpu_context(sirfp::make_thread_pool(1)), 1); }
BENCHMARK(rank_one)->Arg(512)->Arg(2048)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

void textbook(benchmark::State& state) { eliminate(state, sirfp::reference_context(), 0); }
BENCHMARK(textbook)->Arg(512)->Arg(1024)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

}  // namespace
