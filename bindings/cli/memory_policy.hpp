// Feature maps come and go by the dozen a pass, each large enough for malloc to map it and give it back: every page is cleared and faulted
// in anew. A process that keeps them spends 5% less time in a refit (docs/decisions/0011).
#pragma once

namespace sirfp::cli {

// Up to 1 GiB of freed memory stays with the process. Does nothing where malloc is not glibc's.
void keep_freed_memory() noexcept;

}  // namespace sirfp::cli
