// How much the network's output loses as one group is cut (METHOD 6): measured, and kept with the calibration state.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sirfp {

// A measurement of the network's output with the first `removed` channels of one group's order gone.
struct sensitivity_point {
  std::int64_t removed = 0;
  double error = 0;  // sum of squared differences over the variance of the reference output
  friend bool operator==(const sensitivity_point&, const sensitivity_point&) = default;
};

struct sensitivity_curve {
  std::int32_t group = -1;
  std::vector<sensitivity_point> points;  // ascending, distinct
};

// What was measured along the orders of one criterion, for any graph of the same network: whatever locks a later plan adds.
struct sensitivity_record {
  std::int64_t images = 0;
  std::map<std::string, std::vector<sensitivity_point>> groups;  // by channel_group::name
  friend bool operator==(const sensitivity_record&, const sensitivity_record&) = default;
};

}  // namespace sirfp
