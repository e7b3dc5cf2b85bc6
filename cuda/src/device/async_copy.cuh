// cp.async: copies from global to shared memory that run beside the arithmetic (sm_80). A copy is there for its own thread after
// wait_for_copies, for the others after a barrier behind that.
#pragma once

#include <cstdint>

#include "qualifiers.cuh"
#ifndef __CUDACC__
#include "emulator/async_copy.hpp"
#endif

namespace sirfp::device {

#ifdef __CUDACC__
// 16 bytes, both sides 16-byte aligned; the last 16 - `bytes` of them become zeros. With 0 bytes nothing is read.
SIRFP_DEVICE void copy_16_async(void* shared, const void* global, int bytes = 16) {
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(global), "r"(bytes) : "memory");
}
// 4 bytes, both sides 4-byte aligned; zeros with bytes = 0.
SIRFP_DEVICE void copy_4_async(void* shared, const void* global, int bytes = 4) {
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;\n" ::"r"(to), "l"(global), "r"(bytes) : "memory");
}
// Ends a group of this thread's copies; an empty group counts.
SIRFP_DEVICE void commit_copies() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }
// Until at most `Pending` of this thread's latest groups are under way.
template <int Pending>
SIRFP_DEVICE void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(Pending) : "memory");
}
#else
inline void copy_16_async(void* shared, const void* global, int bytes = 16) { emulator::copy_async(shared, global, bytes, 16); }
inline void copy_4_async(void* shared, const void* global, int bytes = 4) { emulator::copy_async(shared, global, bytes, 4); }
inline void commit_copies() { emulator::commit_copies(); }
template <int Pending>
void wait_for_copies() {
  emulator::wait_for_copies(Pending);
}
#endif

}  // namespace sirfp::device
