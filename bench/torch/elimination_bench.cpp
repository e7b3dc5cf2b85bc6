// The authors' elimination loop, transcribed to ATen, beside ours on the same fp32 matrix, in one run. `ratio` is theirs over ours, each
// the minimum of its runs, both on one thread.
#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/rand.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

#include "sirfp/elimination.hpp"

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

at::Tensor random_redundancy(std::int64_t channels) {
  const at::Tensor lower = at::rand({channels, channels}).sub_(0.5).tril_(-1);
  return lower.add(lower.t()).add_(at::eye(channels)).contiguous();
}

// The submatrix of what is alive, its row sums, the largest: as METHOD 3 states the authors' greedy.
std::vector<std::int64_t> authors_loop(const at::Tensor& redundancy) {
  const at::Tensor magnitude = redundancy.abs();
  at::Tensor alive = at::arange(redundancy.size(0));
  std::vector<std::int64_t> order;
  while (alive.size(0) > 0) {
    const at::Tensor degrees = magnitude.index_select(0, alive).index_select(1, alive).sum(1);
    const std::int64_t worst = degrees.argmax().item<std::int64_t>();
    order.push_back(alive[worst].item<std::int64_t>());
    alive = at::cat({alive.slice(0, 0, worst), alive.slice(0, worst + 1)});
  }
  return order;
}

// A kinder transcription that never copies: removed rows and columns become zero and stay in the sums.
std::vector<std::int64_t> zeroing_loop(const at::Tensor& redundancy) {
  at::Tensor left = redundancy.abs();
  std::vector<std::int64_t> order;
  for (std::int64_t step = 0; step < redundancy.size(0); ++step) {
    const std::int64_t worst = left.sum(1).argmax().item<std::int64_t>();
    order.push_back(worst);
    left.select(0, worst).zero_();
    left.select(1, worst).zero_();
  }
  return order;
}

void against_ours(benchmark::State& state, std::vector<std::int64_t> (*loop)(const at::Tensor&)) {
  at::set_num_threads(1);
  const std::int64_t channels = state.range(0);
  const at::Tensor redundancy = random_redundancy(channels);
  const sirfp::redundancy_matrix view{redundancy.data_ptr<float>(), false, channels, channels};
  const auto ctx = sirfp::cpu_context(sirfp::make_thread_pool(1));
  double theirs = std::numeric_limits<double>::infinity();
  double ours = theirs;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(loop(redundancy));
    theirs = std::min(theirs, seconds_since(start));
    for (int run = 0; run < 20; ++run) {
      const auto begin = std::chrono::steady_clock::now();
      benchmark::DoNotOptimize(sirfp::eliminate(ctx, {&view, 1}));
      ours = std::min(ours, seconds_since(begin));
    }
  }
  state.counters["authors_ms"] = 1e3 * theirs;
  state.counters["ours_ms"] = 1e3 * ours;
  state.counters["ratio"] = theirs / ours;
}
BENCHMARK_CAPTURE(against_ours, authors, authors_loop)
    ->Arg(256)
    ->Arg(512)
    ->Arg(1024)
    ->Arg(2048)
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(against_ours, zeroing, zeroing_loop)->Arg(1024)->Arg(2048)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
