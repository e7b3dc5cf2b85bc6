// A row of the benchmark: one operation on one kind of map, ours beside what else there is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shapes.hpp"
#include "sirfp/context.hpp"
#include "sirfp/dtype.hpp"
#include "stopwatch.hpp"

namespace sirfp::cli {

struct contestant {
  std::string name;  // ours, hook, cublas
  timing time;
  double error = 0;  // against fp64
};

struct bench_row {
  std::string operation;
  std::optional<layer_shape> map;   // absent: the row is about all layers at once
  std::vector<std::string> layers;  // that it stands for
  workload work;
  std::vector<contestant> contestants;  // ours first
};

// What all rows share.
struct bench_setting {
  context ours;
  std::optional<context> cublas;  // where there is one
  dtype type = dtype::f32;
  double most_seconds = 0;  // of samples, for each contestant
};

// Features are normal noise, the same for the same seed of ATen's generator.
bench_row similarity_row(const map_kind& kind, const bench_setting& setting, stopwatch& watch);
bench_row moments_row(const map_kind& kind, const bench_setting& setting, stopwatch& watch);
// The maps of all layers in one call, as `observe` reads small ones; on a GPU they share launches. Memory for all of them is taken at once:
// a quarter of the device's or the machine's at most, or the network has no such row.
bool fits_one_call(const std::vector<layer_shape>& layers, const bench_setting& setting);
bench_row similarity_in_one_call(const std::vector<layer_shape>& layers, const bench_setting& setting, stopwatch& watch);
bench_row moments_in_one_call(const std::vector<layer_shape>& layers, const bench_setting& setting, stopwatch& watch);
// One fp32 matrix a layer, all of them in one call. The hook's loop runs once for each width, and its time is the sum over the layers;
// where ten times `most_seconds` do not suffice for that, the row has no hook.
bench_row elimination_row(const std::vector<layer_shape>& layers, const bench_setting& setting, stopwatch& watch);

}  // namespace sirfp::cli
