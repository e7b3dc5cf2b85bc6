// The least time that a row of the benchmark can take on this machine: arithmetic on plain numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sirfp::cli {

struct workload {
  double bytes = 0;       // that must come from memory
  double operations = 0;  // floating point
};

// Similarity or moments of one map: every value read once, one multiply-add a pixel for each pair of the triangle, C (C + 1) P.
workload gram_workload(std::int64_t channels, std::int64_t pixels, std::size_t bytes_per_value);
// Elimination: every fp32 entry of each matrix read once. Its C^2 subtractions are no products, and count as none.
workload elimination_workload(std::span<const std::int64_t> widths);

// What the machine reaches, measured in the same run.
struct machine_rates {
  double bytes_per_second = 0;
  double operations_per_second = 0;
};

// max(bytes / bandwidth, operations / rate)
double floor_seconds(const workload& work, const machine_rates& rates);
bool bound_by_memory(const workload& work, const machine_rates& rates);

struct timing {
  double minimum = 0;  // seconds
  double median = 0;
  std::int64_t samples = 0;
};
// Of one sample at least.
timing timing_of(std::vector<double> seconds);

}  // namespace sirfp::cli
