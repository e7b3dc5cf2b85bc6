#include "side_by_side.hpp"

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>

#include "sirfp/adapter/observe.hpp"

namespace sirfp::adapter {

std::int64_t most_side_by_side(c10::Device device) { return device.is_cpu() ? at::get_num_threads() : 1; }

void side_by_side(c10::Device device, std::int64_t count, const std::function<void(std::int64_t)>& body) {
  if (!device.is_cpu()) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  const at::ThreadLocalState modes;
  // A single body would run outside of a parallel region, where oneDNN takes all threads.
  aten_executor()->parallel_for(std::max<std::int64_t>(count, 2), [&](std::int64_t i) {
    if (i >= count) return;
#ifdef _OPENMP
    at::get_num_threads();   // ATen sets a thread's number when it first asks: before the next line, not after
    omp_set_num_threads(1);  // of this thread, until the region ends: oneDNN plans for as many as it is told, and its sums follow the plan
#endif
    const at::ThreadLocalStateGuard guard(modes);
    body(i);
  });
}

}  // namespace sirfp::adapter
