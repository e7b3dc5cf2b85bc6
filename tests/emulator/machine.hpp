// The emulated machine: what its driver and its device say, and the faults that a test gives them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sirfp/device_facts.hpp"

namespace sirfp::emulator {

struct machine {
  int driver = 13000;  // 0: none; versions as CUDA counts them
  int runtime = 13000;
  int devices = 1;
  // A small GPU, so that grids are smaller than the work and persistent loops go round.
  device_facts facts{80, 3, 2048, 163 << 10, 164 << 10, 40 << 20};
  std::size_t memory_bytes = SIZE_MAX;
  std::int64_t calls_left = INT64_MAX;  // calls and launches that succeed before the device is lost
};

machine& this_machine();

// Counts a call of the runtime; throws sirfp::failure, as the CUDA runtime would from then on, when the device is lost.
void expect_alive(const char* call);

// Makes faults for as long as it lives; then all is well again.
class faults {
 public:
  explicit faults(const machine& with) { this_machine() = with; }
  ~faults() { this_machine() = {}; }
  faults(const faults&) = delete;
  faults& operator=(const faults&) = delete;
};

}  // namespace sirfp::emulator
