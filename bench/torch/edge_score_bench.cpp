// The edge score on the cpu backend beside the same written with ATen (two depthwise convolutions, square root, moments), in turns.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "../support/best_of.hpp"
#include "../support/feature_shapes.hpp"
#include "sirfp/edge_score.hpp"
#include "sirfp/expects.hpp"

namespace {

using namespace sirfp;

at::Tensor edge_by_aten(const at::Tensor& x, const at::Tensor& kx, const at::Tensor& ky) {
  const std::int64_t channels = x.size(1);
  const at::Tensor gx = at::conv2d(x, kx, {}, 1, 1, 1, channels);
  const at::Tensor gy = at::conv2d(x, ky, {}, 1, 1, 1, channels);
  const at::Tensor v = (gx * gx + gy * gy).sqrt_();
  return ((v * v).mean({2, 3}) - v.mean({2, 3}).square()).clamp_min_(0).sqrt_();
}

void edge_score(benchmark::State& state, const bench::feature_shape& shape, int threads) {
  at::set_num_threads(threads);
  const c10::InferenceMode no_gradients;
  const at::Tensor x = at::randn({1, shape.channels, shape.height, shape.width});
  const at::Tensor kernel = at::tensor({-0.5F, 0.0F, 0.5F, -1.0F, 0.0F, 1.0F, -0.5F, 0.0F, 0.5F}).view({1, 1, 3, 3});
  const at::Tensor kx = kernel.expand({shape.channels, 1, 3, 3}).contiguous();
  const at::Tensor ky = kernel.transpose(2, 3).expand({shape.channels, 1, 3, 3}).contiguous();
  const context ctx = cpu_context(make_thread_pool(threads));
  const feature_view view = feature_view::nchw(x.const_data_ptr(), dtype::f32, 1, shape.channels, shape.height, shape.width);
  bench::best_of aten, ours;
  edge_state sums;
  for (auto _ : state) {
    aten.run([&] { benchmark::DoNotOptimize(edge_by_aten(x, kx, ky)); });
    ours.run([&] { accumulate_edge_score(ctx, view, sums); });
  }
  const auto picked = [threads](const bench::best_of& best) { return threads == 1 ? best.cpu_ms : best.wall_ms; };
  state.counters["aten_ms"] = picked(aten);
  state.counters["ours_ms"] = picked(ours);
  state.counters["speedup"] = picked(aten) / picked(ours);
}

}  // namespace

int main(int argc, char** argv) {
  for (const int threads : {1, 2})
    for (const auto& shape : sirfp::bench::feature_shapes)
      benchmark::RegisterBenchmark(text("edge_score/C:", shape.channels, "/P:", shape.pixels(), "/threads:", threads).c_str(),
                                   [=](benchmark::State& state) { edge_score(state, shape, threads); })
          ->Iterations(30)
          ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
