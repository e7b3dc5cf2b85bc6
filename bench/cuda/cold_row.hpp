// A row of a GPU benchmark: work on the default stream, timed by events on it, every sample with a cold L2.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace sirfp::bench {

struct cold_row {
  std::function<void()> run;                               // puts the work on the default stream; owns what it needs
  double bytes = 0;                                        // the least that device memory has to give and take
  double flop = 0;                                         // of the tensor cores
  std::vector<std::pair<std::string, double>> facts = {};  // more to report: an error, a number of steps
};

// 12 samples, of which median and least are reported, with TFLOP/s and GB/s; and the share of the floor, where SIRFP_CEILINGS="GB/s
// TFLOP/s" gives what this device was measured to do. The row is made before its first sample and gone before the next row.
void add_row(const std::string& name, std::function<cold_row()> make);

// Defined by each program; main (cold_row.cpp) calls it once there is a device.
void add_rows();

}  // namespace sirfp::bench
