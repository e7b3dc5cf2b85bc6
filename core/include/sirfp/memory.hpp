// Where matrices live: a memory resource per space, and the buffer that owns an array in one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace sirfp {

enum class memory_space : std::uint8_t { host, cuda };

// Allocates and copies in one memory space. Copies are ordered on the resource's stream; copy_to_host waits.
class memory_resource {
 public:
  virtual ~memory_resource() = default;
  virtual memory_space space() const noexcept = 0;
  // Memory of the two may be used together: of one device, in the order of one stream.
  virtual bool same_place(const memory_resource& other) const noexcept { return space() == other.space(); }
  virtual std::int64_t total_bytes() const = 0;  // of the machine or the device, in use or not
  // 64-byte aligned; throws sirfp::failure naming the bytes asked for.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* pointer, std::size_t bytes) noexcept = 0;
  virtual void zero(void* pointer, std::size_t bytes) = 0;
  virtual void copy(void* pointer, const void* from, std::size_t bytes) = 0;  // within one place
  virtual void copy_to_host(void* host, const void* pointer, std::size_t bytes) = 0;
  virtual void copy_from_host(void* pointer, const void* host, std::size_t bytes) = 0;
};

std::shared_ptr<memory_resource> host_memory();

// Owning, move-only array of doubles in one memory space; zero-filled when made.
class buffer {
 public:
  buffer() = default;
  buffer(std::shared_ptr<memory_resource> memory, std::int64_t size);
  buffer(buffer&& other) noexcept { swap(other); }
  buffer& operator=(buffer&& other) noexcept {
    buffer moved(std::move(other));
    swap(moved);
    return *this;
  }
  buffer(const buffer&) = delete;
  buffer& operator=(const buffer&) = delete;
  ~buffer();

  double* data() noexcept { return data_; }
  const double* data() const noexcept { return data_; }
  std::int64_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  memory_space space() const noexcept { return memory_ ? memory_->space() : memory_space::host; }

  bool lies_with(const memory_resource& memory) const noexcept {
    return memory_ ? memory_->same_place(memory) : memory.space() == memory_space::host;
  }
  // A copy there; waits only where it lies elsewhere.
  buffer copied_to(std::shared_ptr<memory_resource> memory) const;
  // The values on the host; waits for the device where there is one.
  std::vector<double> to_host_sync() const;
  static buffer from_host(std::shared_ptr<memory_resource> memory, const std::vector<double>& values);

 private:
  void swap(buffer& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  std::shared_ptr<memory_resource> memory_;
  double* data_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace sirfp
