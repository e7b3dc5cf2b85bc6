// How every benchmark here reports: the minimum over many single calls, so that a busy neighbour does not decide.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

namespace sirfp::bench {

inline benchmark::internal::Benchmark* report_minimum(benchmark::internal::Benchmark* family, int repetitions = 40) {
  return family->Iterations(1)
      ->Repetitions(repetitions)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond)
      ->ReportAggregatesOnly()
      ->ComputeStatistics("min", [](const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); });
}

}  // namespace sirfp::bench
