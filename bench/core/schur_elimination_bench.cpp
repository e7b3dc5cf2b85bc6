// Joint elimination of one site until nothing is left. `panel` 1 is one update of P and M a removal (the same code, no delay); the textbook
// loops of the reference backend stand beside it at sizes that they finish.
#include <benchmark/benchmark.h>

#include "../support/joint_site.hpp"

namespace {

using namespace sirfp;

void eliminate(benchmark::State& state, const sirfp::context& ctx, std::int64_t panel) {
  const bench::joint_site data(state.range(0));
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
BENCHMARK(textbook)->Arg(512)->Arg(1024)->Arg(2048)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

}  // namespace
