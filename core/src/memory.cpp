#include "sirfp/memory.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

class host_memory_resource final : public memory_resource {
 public:
  memory_space space() const noexcept override { return memory_space::host; }
  std::int64_t total_bytes() const override {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long bytes = ::sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? std::int64_t{pages} * bytes : std::int64_t{1} << 32;
  }
  void* allocate(std::size_t bytes) override {
    constexpr std::size_t alignment = 64;
    void* pointer = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (pointer == nullptr) throw failure(text("out of memory: ", bytes, " bytes asked for"));
    return pointer;
  }
  void deallocate(void* pointer, std::size_t) noexcept override { std::free(pointer); }
  void zero(void* pointer, std::size_t bytes) override { std::memset(pointer, 0, bytes); }
  void copy(void* pointer, const void* from, std::size_t bytes) override { std::memcpy(pointer, from, bytes); }
  void copy_to_host(void* host, const void* pointer, std::size_t bytes) override { std::memcpy(host, pointer, bytes); }
  void copy_from_host(void* pointer, const void* host, std::size_t bytes) override { std::memcpy(pointer, host, bytes); }
};

std::size_t bytes_of(std::int64_t size) { return static_cast<std::size_t>(size) * sizeof(double); }

}  // namespace

std::shared_ptr<memory_resource> host_memory() {
  static const auto shared = std::make_shared<host_memory_resource>();
  return shared;
}

// From here on an exception finds a whole object, and gives back what it has.
buffer::buffer(std::shared_ptr<memory_resource> memory, std::int64_t size) : buffer() {
  memory_ = std::move(memory);
  size_ = size;
  SIRFP_EXPECTS(size >= 0, "buffer of ", size, " elements");
  if (size_ == 0) return;
  data_ = static_cast<double*>(memory_->allocate(bytes_of(size_)));
  memory_->zero(data_, bytes_of(size_));
}

buffer::~buffer() {
  if (data_ != nullptr) memory_->deallocate(data_, bytes_of(size_));
}

buffer buffer::copied_to(std::shared_ptr<memory_resource> memory) const {
  if (!lies_with(*memory)) return from_host(std::move(memory), to_host_sync());
  buffer made(std::move(memory), size_);
  if (size_ != 0) made.memory_->copy(made.data_, data_, bytes_of(size_));
  return made;
}

std::vector<double> buffer::to_host_sync() const {
  std::vector<double> values(static_cast<std::size_t>(size_));
  if (size_ != 0) memory_->copy_to_host(values.data(), data_, bytes_of(size_));
  return values;
}

buffer buffer::from_host(std::shared_ptr<memory_resource> memory, const std::vector<double>& values) {
  buffer made(std::move(memory), static_cast<std::int64_t>(values.size()));
  if (!values.empty()) made.memory_->copy_from_host(made.data_, values.data(), bytes_of(made.size_));
  return made;
}

}  // namespace sirfp
