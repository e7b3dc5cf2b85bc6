// How a kernel is to be launched: the plan's answer, plain numbers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sirfp::device {

struct launch_shape {
  const char* name = "";  // of the kernel, for error texts
  std::int64_t blocks = 1;
  int threads = 1;
  std::size_t shared_bytes = 0;
  bool all_resident = false;  // all blocks run at the same time, so that grid_barrier may be used; refused when they do not fit
};

}  // namespace sirfp::device
