// cuda/src/device/runtime.hpp on the host. Streams have no life of their own: what is put on one is done at once.
#include "device/runtime.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "device_memory.hpp"
#include "machine.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::device {
namespace {

using clock = std::chrono::steady_clock;

}  // namespace

cuda_versions versions() { return {emulator::this_machine().driver, emulator::this_machine().runtime}; }
int device_count() { return emulator::this_machine().driver < emulator::this_machine().runtime ? 0 : emulator::this_machine().devices; }
device_facts facts_of(int) { return emulator::this_machine().facts; }

void keep_pool(int) {}

device_scope::device_scope(int device) { SIRFP_EXPECTS(device == 0, "device ", device, ": there is 1"); }
device_scope::~device_scope() = default;

memory_bytes memory() {
  const std::size_t total = emulator::this_machine().memory_bytes;
  return {total - std::min(total, emulator::live_bytes()), total};
}
void* allocate(std::size_t bytes, void*) {
  emulator::expect_alive("cudaMallocAsync");
  const memory_bytes left = memory();
  if (bytes > left.free) throw out_of_memory(bytes, left);
  return emulator::allocate_device(bytes);
}
void release(void* pointer, void*) noexcept { emulator::release_device(pointer); }
void zero(void* pointer, std::size_t bytes, void*) {
  emulator::expect_alive("cudaMemsetAsync");
  std::memset(pointer, 0, bytes);
}
void copy(void* pointer, const void* from, std::size_t bytes, void*) {
  emulator::expect_alive("cudaMemcpyAsync");
  std::memcpy(pointer, from, bytes);
}
void copy_to_device(void* pointer, const void* host, std::size_t bytes, void*) {
  emulator::expect_alive("cudaMemcpyAsync");
  std::memcpy(pointer, host, bytes);
}
void copy_to_host_sync(void* host, const void* pointer, std::size_t bytes, void*) {
  emulator::expect_alive("cudaMemcpyAsync");
  std::memcpy(host, pointer, bytes);
  emulator::count_to_host(bytes);
}
void wait_sync(void*) { emulator::expect_alive("cudaStreamSynchronize"); }
bool is_device_memory(const void* pointer, int) { return emulator::is_device(pointer); }

event::event() : handle_(new clock::time_point) {}
event::~event() { delete static_cast<clock::time_point*>(handle_); }
void event::record(void*) { *static_cast<clock::time_point*>(handle_) = clock::now(); }
void event::hold(void*) {}
void event::wait_sync() {}
double event::milliseconds_since(const event& earlier) const {
  return std::chrono::duration<double, std::milli>(*static_cast<clock::time_point*>(handle_) -
                                                   *static_cast<clock::time_point*>(earlier.handle_))
      .count();
}

}  // namespace sirfp::device
