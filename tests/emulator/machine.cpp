#include "machine.hpp"

#include "sirfp/expects.hpp"

namespace sirfp::emulator {

machine& this_machine() {
  static machine only;
  return only;
}

void expect_alive(const char* call) {
  if (this_machine().calls_left > 0) {
    --this_machine().calls_left;
    return;
  }
  throw failure(text("CUDA error 719 (cudaErrorLaunchFailure: unspecified launch failure) in ", call));
}

}  // namespace sirfp::emulator
