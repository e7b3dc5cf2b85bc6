// The emulated device's memory: every allocation apart, guarded, counted.
#pragma once

#include <cstddef>
#include <string>

namespace sirfp::emulator {

void* allocate_device(std::size_t bytes);
void release_device(void* pointer) noexcept;  // a stray pointer ends the program: a bug of ours, in a place that cannot throw
bool is_device(const void* pointer);
// Memory of a test's own that the device is to reach as well, unguarded; the former goes.
void lend_to_device(const void* memory, std::size_t bytes);
std::size_t live_allocations();
std::size_t live_bytes();
// Bytes that were copied to the host so far, and to be counted there.
std::size_t bytes_to_host();
void count_to_host(std::size_t bytes);
// Throws kernel_error when a zone around an allocation was written to; `who` starts the text.
void expect_intact_memory(const std::string& who);

}  // namespace sirfp::emulator
