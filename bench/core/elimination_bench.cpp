// Pairwise elimination from an fp32 matrix in memory: checks, conversion to fixed point and the whole order, on one thread. The rows
// beside it split the time by instruction set; a batch shows the threads.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

#include "../../core/src/cpu/elimination_kernels.hpp"
#include "sirfp/elimination.hpp"

namespace {

// Signed, symmetric bit for bit, diagonal of 1 as of normalised rows.
template <class T>
std::vector<T> random_redundancy(std::int64_t channels) {
  std::mt19937_64 random(static_cast<std::uint64_t>(channels));
  std::uniform_real_distribution<double> uniform(-0.5, 0.5);
  std::vector<T> matrix(static_cast<std::size_t>(channels * channels));
  for (std::int64_t i = 0; i < channels; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      const T value = i == j ? T{1} : static_cast<T>(uniform(random));
      matrix[static_cast<std::size_t>(i * channels + j)] = value;
      matrix[static_cast<std::size_t>(j * channels + i)] = value;
    }
  return matrix;
}

template <class T>
void eliminate_one(benchmark::State& state) {
  const std::int64_t channels = state.range(0);
  const auto matrix = random_redundancy<T>(channels);
  const sirfp::redundancy_matrix view{matrix.data(), sizeof(T) == sizeof(double), channels, channels};
  const auto ctx = sirfp::cpu_context(sirfp::make_thread_pool(1));
  for (auto _ : state) benchmark::DoNotOptimize(sirfp::eliminate(ctx, {&view, 1}));
}
BENCHMARK(eliminate_one<float>)->RangeMultiplier(2)->Range(64, 2048)->Unit(benchmark::kMicrosecond);
BENCHMARK(eliminate_one<double>)->RangeMultiplier(2)->Range(512, 2048)->Unit(benchmark::kMicrosecond);

void scan(benchmark::State& state) {
  const auto kernels = sirfp::elimination_kernels_here<float>();
  const auto which = static_cast<std::size_t>(state.range(1));
  if (which >= kernels.size()) return state.SkipWithError("this processor has fewer instruction sets");
  const std::int64_t channels = state.range(0);
  const auto matrix = random_redundancy<float>(channels);
  std::vector<std::int64_t> degrees(static_cast<std::size_t>(channels));
  for (auto _ : state) benchmark::DoNotOptimize(kernels[which].scan(matrix.data(), channels, channels, 0x1p29, degrees.data()));
  state.SetLabel(std::string(kernels[which].isa));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * channels * channels * 4);
}
BENCHMARK(scan)->ArgsProduct({{2048}, {0, 1, 2}})->Unit(benchmark::kMicrosecond);

void subtract_every_row(benchmark::State& state) {
  const auto kernels = sirfp::elimination_kernels_here<float>();
  const auto which = static_cast<std::size_t>(state.range(1));
  if (which >= kernels.size()) return state.SkipWithError("this processor has fewer instruction sets");
  const std::int64_t channels = state.range(0);
  const auto matrix = random_redundancy<float>(channels);
  std::vector<std::int64_t> keys(static_cast<std::size_t>(channels));
  for (auto _ : state) {
    std::fill(keys.begin(), keys.end(), std::int64_t{0});
    for (std::int64_t i = 0; i < channels; ++i)
      benchmark::DoNotOptimize(
          kernels[which].subtract(matrix.data() + i * channels, matrix.data() + i * channels, channels, 0x1p29, keys.data()));
  }
  state.SetLabel(std::string(kernels[which].isa));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * channels * channels * 4);
}
BENCHMARK(subtract_every_row)->ArgsProduct({{2048}, {0, 1, 2}})->Unit(benchmark::kMicrosecond);

void eliminate_batch(benchmark::State& state) {
  constexpr std::int64_t channels = 512;
  const auto matrix = random_redundancy<float>(channels);
  const std::vector<sirfp::redundancy_matrix> batch(16, {matrix.data(), false, channels, channels});
  const auto ctx = sirfp::cpu_context(sirfp::make_thread_pool(static_cast<int>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(sirfp::eliminate(ctx, batch));
}
BENCHMARK(eliminate_batch)->Arg(1)->Arg(2)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
