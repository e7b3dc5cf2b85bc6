// Similarity on the cpu backend beside the same written with ATen (abs-sum, divide, x @ x.T), in turns, with the same threads. Times are
// the least of all turns; one-thread rows count the thread's own time, so that they hold on a busy machine. The last rows are what this
// machine's sgemm reaches at large square sizes.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <cblas.h>

#include "../support/best_of.hpp"
#include "../support/feature_shapes.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/similarity.hpp"

extern "C" void openblas_set_num_threads(int) __attribute__((weak));

namespace {

using namespace sirfp;

constexpr int turns = 30;

double picked(const bench::best_of& best, int threads) { return threads == 1 ? best.cpu_ms : best.wall_ms; }

at::Tensor redundancy_by_aten(const at::Tensor& x) {
  const at::Tensor scaled = x / (x.abs().sum(1, true) + 1e-5);
  return at::mm(scaled, scaled.t());
}

void similarity(benchmark::State& state, const bench::feature_shape& shape, int threads) {
  at::set_num_threads(threads);
  const c10::InferenceMode no_gradients;
  const at::Tensor x = at::randn({shape.channels, shape.pixels()});
  const at::Tensor half = x.to(at::kHalf);
  const at::Tensor brain = x.to(at::kBFloat16);
  const std::vector<float> w = bench::normal_values(shape.pixels(), 3);
  std::vector<float> weights;
  for (const float v : w) weights.push_back(v * v);
  const context ctx = cpu_context(make_thread_pool(threads));
  const auto view = [&](const at::Tensor& t, dtype type) {
    return feature_view::nchw(t.const_data_ptr(), type, 1, shape.channels, shape.height, shape.width);
  };
  bench::best_of aten, f32, weighted, f16, bf16;
  similarity_state sums;
  for (auto _ : state) {
    aten.run([&] { benchmark::DoNotOptimize(redundancy_by_aten(x)); });
    f32.run([&] { accumulate_similarity(ctx, view(x, dtype::f32), {}, {}, sums); });
    weighted.run([&] { accumulate_similarity(ctx, view(x, dtype::f32), {weights.data(), 0}, {}, sums); });
    f16.run([&] { accumulate_similarity(ctx, view(half, dtype::f16), {}, {}, sums); });
    bf16.run([&] { accumulate_similarity(ctx, view(brain, dtype::bf16), {}, {}, sums); });
  }
  const double ours = picked(f32, threads);
  const auto c = static_cast<double>(shape.channels);
  state.counters["aten_ms"] = picked(aten, threads);
  state.counters["ours_ms"] = ours;
  state.counters["of_aten"] = ours / picked(aten, threads);
  state.counters["GFLOP/s"] = 1e-6 * c * (c + 1) * static_cast<double>(shape.pixels()) / ours;
  state.counters["weighted"] = picked(weighted, threads) / ours;
  state.counters["f16"] = picked(f16, threads) / ours;
  state.counters["bf16"] = picked(bf16, threads) / ours;
}

void square_products(benchmark::State& state, std::int64_t n, int threads) {
  at::set_num_threads(threads);
  if (openblas_set_num_threads != nullptr) openblas_set_num_threads(threads);
  const c10::InferenceMode no_gradients;
  const at::Tensor a = at::randn({n, n});
  const at::Tensor b = at::randn({n, n});
  at::Tensor c = at::empty({n, n});
  const int size = static_cast<int>(n);
  bench::best_of aten, openblas;
  for (auto _ : state) {
    aten.run([&] { at::mm_out(c, a, b); });
    openblas.run([&] {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, size, 1, a.const_data_ptr<float>(), size,
                  b.const_data_ptr<float>(), size, 0, c.data_ptr<float>(), size);
    });
  }
  const double gflop = 2e-9 * static_cast<double>(n * n * n);
  state.counters["aten_GFLOP/s"] = 1e3 * gflop / picked(aten, threads);
  state.counters["openblas_GFLOP/s"] = 1e3 * gflop / picked(openblas, threads);
}

}  // namespace

int main(int argc, char** argv) {
  for (const int threads : {1, 2}) {
    for (const auto& shape : sirfp::bench::feature_shapes)
      benchmark::RegisterBenchmark(text("similarity/C:", shape.channels, "/P:", shape.pixels(), "/threads:", threads).c_str(),
                                   [=](benchmark::State& state) { similarity(state, shape, threads); })
          ->Iterations(turns)
          ->Unit(benchmark::kMillisecond);
    for (const std::int64_t n : {2048, 4096})
      benchmark::RegisterBenchmark(text("sgemm/", n, "/threads:", threads).c_str(),
                                   [=](benchmark::State& state) { square_products(state, n, threads); })
          ->Iterations(n == 2048 ? 6 : 2)
          ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
