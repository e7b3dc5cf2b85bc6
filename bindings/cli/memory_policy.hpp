// Feature maps come and go by the dozen a pass, each large enough for malloc to map it and give it back: every page is cleared and faulted
// in anew (docs/decisions/0011).
#pragma once

namespace sirfp::cli {

// Freed memory stays with the process, but for more than 1 GiB at the end of a heap. Does nothing where malloc is not glibc's.
void keep_freed_memory() noexcept;

}  // namespace sirfp::cli
