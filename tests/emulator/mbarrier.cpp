#include "mbarrier.hpp"

#include <bit>

#include "bulk_copy.hpp"
#include "scheduler.hpp"

namespace sirfp::emulator {

scheduler& this_scheduler();

namespace {

constexpr char waiting[] = "phase of an mbarrier";

struct phase_state {
  std::int32_t bytes;     // announced and not there
  std::int16_t arrivals;  // still to come
  std::uint8_t expected;  // in a phase
  std::uint8_t parity;    // of the phase that has not ended
};

phase_state read(const std::uint64_t* at) {
  expect_aligned(at, 8, "mbarrier");
  const auto state = std::bit_cast<phase_state>(*at);
  if (state.parity > 1) fail("an mbarrier that was not made");
  return state;
}

// Also ends the phase where nothing is left to come.
void write(std::uint64_t* at, phase_state state) {
  if (state.arrivals < 0) fail("an mbarrier of " + std::to_string(state.expected) + " arrivals got one more");
  const bool ended = state.arrivals == 0 && state.bytes == 0;
  if (ended) {
    state.arrivals = state.expected;
    state.parity ^= 1U;
  }
  *at = std::bit_cast<std::uint64_t>(state);
  if (!ended) return;
  for (emulated_thread* const thread : this_thread().home->threads)
    if (thread->waits_for == waiting && thread->argument == at) this_scheduler().wake(*thread);
}

}  // namespace

std::uint32_t shared_address(const void* shared) {
  return static_cast<std::uint32_t>(static_cast<const unsigned char*>(shared) - this_thread().home->shared.data());
}

void make_mbarrier(std::uint64_t* at, int arrivals) {
  expect_aligned(at, 8, "mbarrier");
  *at = std::bit_cast<std::uint64_t>(phase_state{0, static_cast<std::int16_t>(arrivals), static_cast<std::uint8_t>(arrivals), 0});
}

void arrive(std::uint64_t* at, int bytes) {
  may_switch();
  phase_state state = read(at);
  state.bytes += bytes;
  --state.arrivals;
  write(at, state);
}

void complete_bytes(std::uint64_t* at, int bytes) {
  phase_state state = read(at);
  state.bytes -= bytes;
  write(at, state);
}

// Copies come no earlier than somebody waits for them.
void wait_for_phase(std::uint64_t* at, unsigned parity, site here) {
  may_switch();
  finish_box_copies(at);
  while (read(at).parity == parity) {
    this_thread().argument = at;
    this_scheduler().sleep(waiting, here);
    finish_box_copies(at);
  }
}

}  // namespace sirfp::emulator
