// mbarrier (sm_90): a barrier in shared memory that counts threads and the bytes of bulk copies. A phase ends when as many threads have
// arrived as the barrier was made for and all bytes that were announced are there; then the next one begins. Phases are told apart by their
// parity, 0 first.
#pragma once

#include <cstdint>

#include "barriers.cuh"
#ifndef __CUDACC__
#include "emulator/mbarrier.hpp"
#endif

namespace sirfp::device {

struct mbarrier {
  std::uint64_t state;
};

#ifdef __CUDACC__
SIRFP_DEVICE std::uint32_t shared_address(const void* shared) { return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared)); }

// By one thread; the others use it behind a block barrier.
SIRFP_DEVICE void make_mbarrier(mbarrier* at, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(shared_address(at)), "r"(arrivals) : "memory");
  asm volatile("fence.mbarrier_init.release.cluster;\n" ::: "memory");  // the copy engine sees it too
}
SIRFP_DEVICE void arrive(mbarrier* at) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];\n" ::"r"(shared_address(at)) : "memory"); }
// Arrives, and announces bytes of bulk copies of this phase.
SIRFP_DEVICE void arrive_and_expect(mbarrier* at, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\n" ::"r"(shared_address(at)), "r"(bytes) : "memory");
}
// Until the phase of this parity has ended: of a new barrier, parity 1 has. What threads wrote before they arrived, and what was copied, is
// seen from here on.
SIRFP_DEVICE void wait_for_phase(mbarrier* at, unsigned parity) {
  asm volatile(
      "{\n"
      ".reg .pred ended;\n"
      "waiting:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n"
      "@ended bra done;\n"
      "bra waiting;\n"
      "done:\n"
      "}\n" ::"r"(shared_address(at)),
      "r"(parity)
      : "memory");
}
#else
inline std::uint32_t shared_address(const void* shared) { return emulator::shared_address(shared); }
inline void make_mbarrier(mbarrier* at, int arrivals) { emulator::make_mbarrier(&at->state, arrivals); }
inline void arrive(mbarrier* at) { emulator::arrive(&at->state, 0); }
inline void arrive_and_expect(mbarrier* at, int bytes) { emulator::arrive(&at->state, bytes); }
inline void wait_for_phase(mbarrier* at, unsigned parity, emulator::site here = emulator::site::current()) {
  emulator::wait_for_phase(&at->state, parity, here);
}
#endif

}  // namespace sirfp::device
