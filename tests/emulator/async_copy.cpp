#include "async_copy.hpp"

#include <cstring>

#include "threads.hpp"

namespace sirfp::emulator {

void copy_async(void* shared, const void* global, int bytes, int size) {
  if (bytes < 0 || bytes > size) fail("async copy of " + std::to_string(bytes) + " bytes, expected 0 to " + std::to_string(size));
  expect_aligned(shared, static_cast<std::size_t>(size), "async copy, shared side");
  if (bytes != 0) expect_aligned(global, static_cast<std::size_t>(size), "async copy, global side");
  emulated_thread& self = this_thread();
  if (self.copies.empty()) self.copies.emplace_back();
  std::memset(shared, 0xff, static_cast<std::size_t>(size));
  self.copies.back().push_back({static_cast<unsigned char*>(shared), static_cast<const unsigned char*>(global), bytes, size});
}

void commit_copies() {
  emulated_thread& self = this_thread();
  if (self.copies.empty()) self.copies.emplace_back();
  self.copies.emplace_back();
}

void wait_for_copies(int pending_groups) {
  std::vector<std::vector<pending_copy>>& groups = this_thread().copies;
  const auto committed = static_cast<int>(groups.size()) - 1;  // the open one is not waited for
  const int to_finish = committed - pending_groups;
  if (to_finish <= 0) return;
  for (int g = 0; g < to_finish; ++g)
    for (const pending_copy& copy : groups[static_cast<std::size_t>(g)]) {
      if (copy.bytes != 0) std::memcpy(copy.shared, copy.global, static_cast<std::size_t>(copy.bytes));
      std::memset(copy.shared + copy.bytes, 0, static_cast<std::size_t>(copy.size - copy.bytes));
    }
  groups.erase(groups.begin(), groups.begin() + to_finish);
}

}  // namespace sirfp::emulator
