#include "state_algebra_plan.hpp"

#include <algorithm>

#include "parts.hpp"

namespace sirfp {

device::launch_shape plan_elementwise(const char* kernel, std::int64_t elements, const device_facts& facts) {
  constexpr int threads = 256;
  const std::int64_t blocks_at_once = std::int64_t{facts.multiprocessors} * std::max(1, facts.threads_per_multiprocessor / threads);
  const std::int64_t blocks_of_work = parts(elements, threads);
  return {kernel, std::min(blocks_at_once, blocks_of_work), threads, 0, false};
}

}  // namespace sirfp
