#include "memory_policy.hpp"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace sirfp::cli {

void keep_freed_memory() noexcept {
#ifdef __GLIBC__
  constexpr int most = 1 << 30;
  if (mallopt(M_MMAP_THRESHOLD, most) == 0) return;  // an old glibc takes no more than 32 MiB, and adapts by itself if it is left alone
  mallopt(M_TRIM_THRESHOLD, most);
#endif
}

}  // namespace sirfp::cli
