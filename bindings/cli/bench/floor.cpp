#include "floor.hpp"

#include <algorithm>

namespace sirfp::cli {

workload gram_workload(std::int64_t channels, std::int64_t pixels, std::size_t bytes_per_value) {
  const auto c = static_cast<double>(channels);
  const auto p = static_cast<double>(pixels);
  return {c * p * static_cast<double>(bytes_per_value), c * (c + 1) * p};
}

workload elimination_workload(std::span<const std::int64_t> widths) {
  workload work;
  for (const std::int64_t width : widths) work.bytes += sizeof(float) * static_cast<double>(width) * static_cast<double>(width);
  return work;
}

double floor_seconds(const workload& work, const machine_rates& rates) {
  return std::max(work.bytes / rates.bytes_per_second, work.operations / rates.operations_per_second);
}

bool bound_by_memory(const workload& work, const machine_rates& rates) {
  return work.bytes / rates.bytes_per_second >= work.operations / rates.operations_per_second;
}

timing timing_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const std::size_t middle = seconds.size() / 2;
  const double median = seconds.size() % 2 == 1 ? seconds[middle] : (seconds[middle - 1] + seconds[middle]) / 2;
  return {seconds.front(), median, static_cast<std::int64_t>(seconds.size())};
}

}  // namespace sirfp::cli
