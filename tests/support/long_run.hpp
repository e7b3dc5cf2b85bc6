// Sweeps that take the emulator too long: `make test-long` has them, and a GPU always.
#pragma once

#include <cstdlib>

namespace sirfp::test {

inline bool long_run() {
#ifdef SIRFP_GPU_TESTS
  return true;
#else
  return std::getenv("SIRFP_LONG") != nullptr;
#endif
}

}  // namespace sirfp::test
