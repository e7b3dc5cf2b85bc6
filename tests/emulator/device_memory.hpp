// The emulated device's memory: every allocation apart, guarded, counted.
#pragma once

#include <cstddef>
#include <string>

#include "device/runtime.hpp"

namespace sirfp::emulator {

void* allocate_device(std::size_t bytes);
void release_device(void* pointer) noexcept;  // a stray pointer ends the program: a bug of ours, in a place that cannot throw
bool is_device(const void* pointer);
std::size_t live_allocations();
// How large the device is, and how much of it is free; how many there are. Tests may change both.
device::memory_bytes device_bytes();
void set_device_bytes(std::size_t total);
int devices();
void set_devices(int count);
// Throws kernel_error when a zone around an allocation was written to; `who` starts the text.
void expect_intact_memory(const std::string& who);

}  // namespace sirfp::emulator
