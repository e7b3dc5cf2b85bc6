// Similarity and moments of one image on the cpu backend: shapes x dtype x weights x threads. `GFLOP/s` counts the triangle, C (C + 1) P.
#include <benchmark/benchmark.h>

#include "../support/feature_shapes.hpp"
#include "../support/minimum.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"

namespace {

using namespace sirfp;

std::vector<std::uint16_t> narrowed(const std::vector<float>& values, dtype type) {
  std::vector<std::uint16_t> bits;
  for (const float v : values) bits.push_back(type == dtype::f16 ? float_to_f16(v) : float_to_bf16(v));
  return bits;
}

struct input {
  input(const bench::feature_shape& shape, dtype type, bool weighted, bool channels_last)
      : values(bench::normal_values(shape.channels * shape.pixels(), 1)),
        bits(narrowed(values, type)),
        weights(bench::normal_values(shape.pixels(), 2)) {
    const void* data = type == dtype::f32 ? static_cast<const void*>(values.data()) : bits.data();
    view = channels_last ? feature_view::nhwc(data, type, 1, shape.channels, shape.height, shape.width)
                         : feature_view::nchw(data, type, 1, shape.channels, shape.height, shape.width);
    for (float& w : weights) w *= w;
    if (weighted) map.data = weights.data();
  }
  std::vector<float> values;
  std::vector<std::uint16_t> bits;
  std::vector<float> weights;
  feature_view view;
  pixel_weights map;
};

void count_flops(benchmark::State& state, const feature_view& view) {
  const auto c = static_cast<double>(view.channels);
  state.counters["GFLOP/s"] =
      benchmark::Counter(1e-9 * c * (c + 1) * static_cast<double>(view.pixels()), benchmark::Counter::kIsIterationInvariantRate);
}

void similarity(benchmark::State& state, const input& in, int threads) {
  const context ctx = cpu_context(make_thread_pool(threads));
  similarity_state sums;
  for (auto _ : state) accumulate_similarity(ctx, in.view, in.map, {}, sums);
  count_flops(state, in.view);
}

void moments_of(benchmark::State& state, const input& in, int threads) {
  const context ctx = cpu_context(make_thread_pool(threads));
  moments_state sums;
  for (auto _ : state) accumulate_moments(ctx, in.view, in.map, sums);
  count_flops(state, in.view);
}

void register_shape(const bench::feature_shape& shape, int threads) {
  const std::string size = text("/C:", shape.channels, "/P:", shape.pixels(), "/threads:", threads);
  const auto add = [&](const std::string& name, auto run, dtype type, bool weighted, bool channels_last) {
    const auto in = std::make_shared<input>(shape, type, weighted, channels_last);
    bench::report_minimum(benchmark::RegisterBenchmark((name + size).c_str(), [=](benchmark::State& state) { run(state, *in, threads); }));
  };
  add("similarity/f32", similarity, dtype::f32, false, false);
  add("similarity/f32/weighted", similarity, dtype::f32, true, false);
  add("similarity/f32/channels_last", similarity, dtype::f32, false, true);
  add("similarity/f16", similarity, dtype::f16, false, false);
  add("similarity/bf16", similarity, dtype::bf16, false, false);
  add("moments/f32", moments_of, dtype::f32, false, false);
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& shape : sirfp::bench::feature_shapes)
    for (const int threads : {1, 2}) register_shape(shape, threads);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
