#include "device_memory.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <span>

#include "grid.hpp"
#include "guarded_memory.hpp"

namespace sirfp::emulator {
namespace {

std::mutex guard;
std::size_t to_host = 0;
std::span<const unsigned char> lent;
std::map<const unsigned char*, guarded_memory>& allocations() {
  static auto* const live = new std::map<const unsigned char*, guarded_memory>;  // for whoever frees last
  return *live;
}

}  // namespace

void* allocate_device(std::size_t bytes) {
  const std::lock_guard lock(guard);
  guarded_memory made(bytes, next_poison());
  unsigned char* data = made.data();
  allocations().emplace(data, std::move(made));
  return data;
}

void release_device(void* pointer) noexcept {
  const std::lock_guard lock(guard);
  if (pointer == nullptr || allocations().erase(static_cast<unsigned char*>(pointer)) == 1) return;
  std::fputs("emulator: released a pointer that is no allocation\n", stderr);
  std::abort();
}

void lend_to_device(const void* memory, std::size_t bytes) {
  const std::lock_guard lock(guard);
  lent = {static_cast<const unsigned char*>(memory), bytes};
}

bool is_device(const void* pointer) {
  const std::lock_guard lock(guard);
  const auto* at = static_cast<const unsigned char*>(pointer);
  if (at >= lent.data() && at < lent.data() + lent.size()) return true;
  auto above = allocations().upper_bound(at);
  if (above == allocations().begin()) return false;
  const auto& [begin, memory] = *--above;
  return at < begin + memory.size();
}

std::size_t bytes_to_host() {
  const std::lock_guard lock(guard);
  return to_host;
}

void count_to_host(std::size_t bytes) {
  const std::lock_guard lock(guard);
  to_host += bytes;
}

std::size_t live_allocations() {
  const std::lock_guard lock(guard);
  return allocations().size();
}

std::size_t live_bytes() {
  const std::lock_guard lock(guard);
  std::size_t bytes = 0;
  for (const auto& [begin, memory] : allocations()) bytes += memory.size();
  return bytes;
}

void expect_intact_memory(const std::string& who) {
  const std::lock_guard lock(guard);
  for (const auto& [begin, memory] : allocations())
    if (!memory.intact()) throw kernel_error(who + ": wrote beyond an allocation of " + std::to_string(memory.size()) + " bytes");
}

}  // namespace sirfp::emulator
