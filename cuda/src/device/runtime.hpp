// What host code asks of a device: memory, copies, waiting, facts. One declaration, two definitions: runtime.cpp beside this file by the
// CUDA runtime, tests/emulator/runtime.cpp on the host. A stream is a cudaStream_t, null for the default one.
#pragma once

#include <cstddef>
#include <string>

#include "sirfp/device_facts.hpp"

namespace sirfp::device {

int device_count();           // 0 without a driver or a device
std::string why_no_device();  // what is missing then: the driver, a newer one, a GPU
device_facts facts_of(int device);

// What is given back stays in the device's pool for the next allocation, instead of going to the driver at every wait.
void keep_pool(int device);

// Makes a device the current one of this thread, and the former again.
class device_scope {
 public:
  explicit device_scope(int device);
  ~device_scope();
  device_scope(const device_scope&) = delete;
  device_scope& operator=(const device_scope&) = delete;

 private:
  int former_ = 0;
};

// Stream-ordered, from the device's pool; 256-byte aligned. Throws sirfp::failure with the bytes asked for and free.
void* allocate(std::size_t bytes, void* stream);
void release(void* pointer, void* stream) noexcept;
void zero(void* pointer, std::size_t bytes, void* stream);
// From pageable host memory: the bytes are taken before it returns.
void copy_to_device(void* pointer, const void* host, std::size_t bytes, void* stream);
void copy_to_host_sync(void* host, const void* pointer, std::size_t bytes, void* stream);
void wait_sync(void* stream);
struct memory_bytes {
  std::size_t free = 0;
  std::size_t total = 0;
};
memory_bytes memory();  // of the current device
// Does a kernel reach it without a copy? With a device: does one of that device?
bool is_device_memory(const void* pointer, int device = -1);

// A point of a stream's work; for timing, and for one stream to wait for another.
class event {
 public:
  event();
  ~event();
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  void record(void* stream);
  void hold(void* stream);  // what is put on `stream` from now on comes after this point
  void wait_sync();
  double milliseconds_since(const event& earlier) const;  // both passed

 private:
  void* handle_ = nullptr;
};

}  // namespace sirfp::device
