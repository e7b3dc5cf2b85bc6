// The edge score of one image on the cpu backend: shapes x dtype and layout x threads. `Gpixel/s` counts channels times pixels.
#include <benchmark/benchmark.h>

#include "../support/feature_shapes.hpp"
#include "../support/minimum.hpp"
#include "sirfp/edge_score.hpp"
#include "sirfp/expects.hpp"

namespace {

using namespace sirfp;

void edge_score(benchmark::State& state, const bench::feature_shape& shape, bool channels_last, int threads) {
  const std::vector<float> values = bench::normal_values(shape.channels * shape.pixels(), 1);
  const feature_view view = channels_last ? feature_view::nhwc(values.data(), dtype::f32, 1, shape.channels, shape.height, shape.width)
                                          : feature_view::nchw(values.data(), dtype::f32, 1, shape.channels, shape.height, shape.width);
  const context ctx = cpu_context(make_thread_pool(threads));
  edge_state sums;
  for (auto _ : state) accumulate_edge_score(ctx, view, sums);
  state.counters["Gpixel/s"] =
      benchmark::Counter(1e-9 * static_cast<double>(shape.channels * shape.pixels()), benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& shape : sirfp::bench::feature_shapes)
    for (const int threads : {1, 2})
      for (const bool channels_last : {false, true}) {
        const std::string name =
            text("edge_score/f32/", channels_last ? "nhwc" : "nchw", "/C:", shape.channels, "/P:", shape.pixels(), "/threads:", threads);
        sirfp::bench::report_minimum(
            benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { edge_score(state, shape, channels_last, threads); }));
      }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
