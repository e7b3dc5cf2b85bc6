// What host code asks of a device: memory, copies, waiting, facts. One declaration, two definitions: runtime.cpp beside this file by the
// CUDA runtime, tests/emulator/runtime.cpp on the host. A stream is a cudaStream_t, null for the default one.
#pragma once

#include <cstddef>

#include "sirfp/device_facts.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::device {

// As CUDA counts them: 13020 is 13.2. The driver's is 0 where there is none.
struct cuda_versions {
  int driver = 0;
  int runtime = 0;
};
cuda_versions versions();
int device_count();  // 0 without a driver that this build can use, or a device
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

struct memory_bytes {
  std::size_t free = 0;
  std::size_t total = 0;
};
memory_bytes memory();  // of the current device

class out_of_memory : public sirfp::out_of_memory {
 public:
  out_of_memory(std::size_t asked_for, const memory_bytes& left)
      : sirfp::out_of_memory(text("out of device memory: ", asked_for, " bytes asked for, ", left.free, " of ", left.total, " free")),
        asked(asked_for),
        free(left.free) {}
  std::size_t asked;
  std::size_t free;
};

// Stream-ordered, from the device's pool; 256-byte aligned. Throws out_of_memory.
void* allocate(std::size_t bytes, void* stream);
void release(void* pointer, void* stream) noexcept;
void zero(void* pointer, std::size_t bytes, void* stream);
void copy(void* pointer, const void* from, std::size_t bytes, void* stream);  // on the device
// From pageable host memory: the bytes are taken before it returns.
void copy_to_device(void* pointer, const void* host, std::size_t bytes, void* stream);
void copy_to_host_sync(void* host, const void* pointer, std::size_t bytes, void* stream);
void wait_sync(void* stream);
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
