// The benchmark's answer: a table for people, JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "options.hpp"
#include "rates.hpp"
#include "row.hpp"

namespace sirfp::cli {

struct bench_report {
  std::string device;   // "4 threads of AMD EPYC", "cuda:0"
  std::string network;  // its name, and the size of its input
  std::string origin;
  dtype type = dtype::f32;
  measured_rates rates;
  std::vector<bench_row> rows;
  bool whole = false;  // the rows are all that the network has
};

// What one image of a network takes: the rows' times, each as often as the network has such a layer.
struct network_total {
  std::string operation;
  std::int64_t layers = 0;
  double floor = 0;
  std::vector<std::pair<std::string, double>> seconds;  // of each contestant, by its median
};
std::vector<network_total> totals_of(const bench_report& report);

std::string text_of(const bench_report& report);
json json_of(const bench_report& report);

}  // namespace sirfp::cli
