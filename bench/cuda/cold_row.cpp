#include "cold_row.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "device/runtime.hpp"
#include "device_array.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::bench {
namespace {

constexpr int samples = 12;

struct ceilings {
  double bytes = 0;  // a second
  double flop = 0;
};

ceilings measured_ceilings() {
  double gigabytes = 0;
  double teraflop = 0;
  const char* const given = std::getenv("SIRFP_CEILINGS");
  if (given == nullptr) return {};
  SIRFP_EXPECTS(std::sscanf(given, "%lf %lf", &gigabytes, &teraflop) == 2, "SIRFP_CEILINGS=", given, ", expected GB/s and TFLOP/s");
  return {1e9 * gigabytes, 1e12 * teraflop};
}

// The row that is being sampled.
struct {
  std::string name;
  cold_row row;
} current;

double cold_seconds() {
  static device_array<std::byte> flushed(3 * device::facts_of(0).l2_bytes, nullptr);
  static device::event begin;
  static device::event end;
  flushed.zero();  // while it writes, the host gets ahead with the launches
  begin.record(nullptr);
  current.row.run();
  end.record(nullptr);
  end.wait_sync();
  return 1e-3 * end.milliseconds_since(begin);
}

void report(benchmark::State& state, double seconds) {
  static const ceilings most = measured_ceilings();
  const cold_row& row = current.row;
  state.SetIterationTime(seconds);
  if (row.bytes > 0) state.counters["GB/s"] = 1e-9 * row.bytes / seconds;
  if (row.flop > 0) state.counters["TFLOP/s"] = 1e-12 * row.flop / seconds;
  if (most.bytes > 0 && row.bytes > 0) {
    const double floor = std::max(row.bytes / most.bytes, row.flop / most.flop);
    state.counters["floor_us"] = 1e6 * floor;
    state.counters["of_floor"] = floor / seconds;
  }
  for (const auto& [name, value] : row.facts) state.counters[name] = value;
}

void sample(benchmark::State& state, const std::string& name, const std::function<cold_row()>& make) {
  try {
    if (current.name != name) {
      current = {};  // the former row's memory first
      current = {name, make()};
      current.row.run();  // warm
      device::wait_sync(nullptr);
    }
    for (auto _ : state) report(state, cold_seconds());
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
  }
}

}  // namespace

void add_row(const std::string& name, std::function<cold_row()> make) {
  const auto run = [name, make = std::move(make)](benchmark::State& state) { sample(state, name, make); };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->UseManualTime()
      ->Iterations(1)
      ->Repetitions(samples)
      ->Unit(benchmark::kMicrosecond)
      ->ReportAggregatesOnly()
      ->ComputeStatistics("min", [](const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); });
}

}  // namespace sirfp::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  try {
    sirfp::cuda_context();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  sirfp::bench::add_rows();
  benchmark::RunSpecifiedBenchmarks();
  sirfp::bench::current = {};
}
