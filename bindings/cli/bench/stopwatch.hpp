// Times work with cold caches, on the host's clock or between two events of a device's stream.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "floor.hpp"

namespace sirfp::cli {

class stopwatch {
 public:
  explicit stopwatch(at::Device device);
  at::Device device() const { return device_; }
  // Of one run, after a buffer has been written that takes the place of everything in the last-level cache. Waits for the device.
  double seconds(const std::function<void()>& work);

 private:
  at::Device device_;
  at::Tensor flush_;
};

// Times several ways to do the same, in turns, so that all see the same neighbours on a busy machine. Each has run once before. A way is
// run until it has ten samples, and a tenth of a second or fifty of them; `most_seconds` of its own end it earlier, after one sample at
// least. Throws `interrupted` between two runs.
std::vector<timing> race(stopwatch& watch, const std::vector<std::function<void()>>& ways, double most_seconds);

}  // namespace sirfp::cli
