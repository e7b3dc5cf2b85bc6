// cuda/src/device/runtime.hpp on the host. Streams have no life of their own: what is put on one is done at once.
#include "device/runtime.hpp"

#include <chrono>
#include <cstring>

#include "device_memory.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::device {
namespace {

using clock = std::chrono::steady_clock;

}  // namespace

int device_count() { return emulator::devices(); }
std::string why_no_device() { return "no emulated GPU"; }
// A small GPU, so that grids are smaller than the work and persistent loops go round.
device_facts facts_of(int) { return {80, 3, 2048, 163 << 10, 164 << 10, 40 << 20}; }

void keep_pool(int) {}

device_scope::device_scope(int device) { SIRFP_EXPECTS(device == 0, "device ", device, ": there is 1"); }
device_scope::~device_scope() = default;

void* allocate(std::size_t bytes, void*) {
  const memory_bytes left = memory();
  if (bytes > left.free) throw failure(text("out of device memory: ", bytes, " bytes asked for, ", left.free, " of ", left.total, " free"));
  return emulator::allocate_device(bytes);
}
void release(void* pointer, void*) noexcept { emulator::release_device(pointer); }
void zero(void* pointer, std::size_t bytes, void*) { std::memset(pointer, 0, bytes); }
void copy_to_device(void* pointer, const void* host, std::size_t bytes, void*) { std::memcpy(pointer, host, bytes); }
void copy_to_host_sync(void* host, const void* pointer, std::size_t bytes, void*) { std::memcpy(host, pointer, bytes); }
void wait_sync(void*) {}
memory_bytes memory() { return emulator::device_bytes(); }
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
