// mbarrier on the host. The state is in the eight bytes that it has on a GPU; a phase that never ends is reported as a deadlock.
#pragma once

#include <cstdint>

#include "threads.hpp"

namespace sirfp::emulator {

std::uint32_t shared_address(const void* shared);  // bytes from the start of the block's shared memory

void make_mbarrier(std::uint64_t* at, int arrivals);
void arrive(std::uint64_t* at, int bytes);          // announces `bytes`
void complete_bytes(std::uint64_t* at, int bytes);  // of a bulk copy
void wait_for_phase(std::uint64_t* at, unsigned parity, site here);

}  // namespace sirfp::emulator
