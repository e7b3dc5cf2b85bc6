// What a plan may know of a GPU: plain numbers, so that every plan is tested without one.
#pragma once

#include <cstdint>

namespace sirfp {

struct device_facts {
  int arch = 0;  // 10 * major + minor of the compute capability: 80, 90
  int multiprocessors = 0;
  int threads_per_multiprocessor = 0;
  std::int64_t shared_bytes_per_block = 0;  // the most that a kernel can ask for
  std::int64_t shared_bytes_per_multiprocessor = 0;
  std::int64_t l2_bytes = 0;
};

}  // namespace sirfp
