// The least time of several calls, taken in turns with what it is compared with, so that both see the same neighbours.
#pragma once

#include <time.h>

#include <algorithm>
#include <limits>

namespace sirfp::bench {

struct best_of {
  double wall_ms = std::numeric_limits<double>::infinity();
  double cpu_ms = std::numeric_limits<double>::infinity();  // of the calling thread: what a busy machine leaves comparable, for one thread

  template <class Work>
  void run(const Work& work) {
    const double wall = now(CLOCK_MONOTONIC);
    const double cpu = now(CLOCK_THREAD_CPUTIME_ID);
    work();
    wall_ms = std::min(wall_ms, now(CLOCK_MONOTONIC) - wall);
    cpu_ms = std::min(cpu_ms, now(CLOCK_THREAD_CPUTIME_ID) - cpu);
  }

 private:
  static double now(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return 1e3 * static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_nsec);
  }
};

}  // namespace sirfp::bench
