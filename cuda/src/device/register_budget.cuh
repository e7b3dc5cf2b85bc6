// Registers handed from one warpgroup of a block to another (setmaxnreg, sm_90a). The kernel has launch bounds with one block; all threads
// of a warpgroup call it, in a branch of their own that they do not leave. `Registers` a thread, a multiple of 8 from 24 to 240.
#pragma once

#include "qualifiers.cuh"

namespace sirfp::device {

#ifdef __CUDACC__
template <int Registers>
SIRFP_DEVICE void give_registers_away() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;\n" ::"n"(Registers));
}
template <int Registers>
SIRFP_DEVICE void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;\n" ::"n"(Registers));
}
#else
template <int Registers>
void give_registers_away() {}
template <int Registers>
void take_registers() {}
#endif

}  // namespace sirfp::device
