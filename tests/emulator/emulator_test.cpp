// What the emulator has to say to kernels that are wrong, and what it draws from its seed.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "device/async_copy.cuh"
#include "device/atomics.cuh"
#include "device/launch.cuh"
#include "device/shared.cuh"
#include "device/vectors.cuh"
#include "device/warp.cuh"
#include "device_array.hpp"
#include "emulator/device_memory.hpp"
#include "support/error_text.hpp"

namespace sirfp::test {
namespace {

SIRFP_KERNEL early_kernel(const float* in, float* out) {
  auto* const tile = device::shared_array<float>();
  device::copy_4_async(tile + device::thread_index(), in + device::thread_index());
  device::commit_copies();
  out[device::thread_index()] = tile[device::thread_index()];  // before the wait
  device::wait_for_copies<0>();
}

TEST(emulator, async_copies_are_not_there_before_the_wait) {
  const device_array<float> from(std::vector<float>(32, 1.0F), nullptr);
  const device_array<float> to(32, nullptr);
  device::launch({"early", 1, 32, 128}, nullptr, early_kernel, static_cast<const float*>(from.data()), to.data());
  for (const float value : to.to_host_sync()) EXPECT_TRUE(std::isnan(value));
}

SIRFP_KERNEL together_kernel() { device::grid_barrier(); }

TEST(emulator, a_grid_barrier_needs_all_blocks) {
  const std::string error = error_text<emulator::kernel_error>([] { device::launch({"together", 6, 33}, nullptr, together_kernel); });
  SIRFP_EXPECT_HAS(error, "in a launch without all_resident");
}

// Divergence and stray accesses end in an error that names the kernel, the block and the thread.
SIRFP_KERNEL wrong_kernel(int how, float* out) {
  const int thread = device::thread_index();
  if (how == 0 && thread == 5) return;
  if (how == 1 && thread < 32) device::block_barrier();
  if (how == 2 && thread == 40) device::ballot(true, 0x0fU);
  if (how == 3 && thread % 2 == 0) device::ballot(true);
  if (how == 4 && thread == 63) device::store_vector(out + 1, device::vector_of<float, 4>{});
  if (how == 5) device::shuffle(thread, 17, thread % 32 < 16 ? 0xffffU : 0xffff0000U);
  if (how == 6 && thread < 32) {
    if (thread % 2 == 0)
      device::ballot(true);
    else
      device::warp_barrier();
  }
  device::block_barrier();
  device::block_barrier();
}

TEST(emulator, wrong_kernels_are_named) {
  const device_array<float> out(8, nullptr);
  const auto error_of = [&](int how) {
    try {
      device::launch({"wrong", 3, 64}, nullptr, wrong_kernel, how, out.data());
    } catch (const emulator::kernel_error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::pair<int, const char*> cases[] = {{0, "has returned"},
                                               {1, "block barrier"},
                                               {2, "this lane is not in its own mask"},
                                               {3, "ballot"},
                                               {4, "store_vector: not aligned to 16 bytes"},
                                               {5, "shuffle from lane 17, which is not in the mask"},
                                               {6, "lane"}};
  for (const auto& [how, words] : cases)
    for (std::uint64_t seed = 1; seed < 6; ++seed) {
      emulator::set_seed(seed);
      const std::string error = error_of(how);
      EXPECT_NE(error.find(words), std::string::npos) << how << ": " << error;
      EXPECT_NE(error.find("kernel wrong, block "), std::string::npos) << error;
      EXPECT_NE(error.find(", thread "), std::string::npos) << error;
      EXPECT_NE(error.find("seed " + std::to_string(seed)), std::string::npos) << error;
    }
  emulator::set_seed(1);
  EXPECT_EQ(error_of(7), "no error");  // usable again
  EXPECT_EQ(emulator::live_allocations(), 1U);
}

SIRFP_KERNEL order_kernel(int* log, int* next) { log[device::atomic_add(next, 1)] = device::thread_index(); }

TEST(emulator, the_order_follows_from_the_seed) {
  std::set<std::vector<int>> orders;
  for (const std::uint64_t seed : {1, 2, 3, 1, 2, 3}) {
    emulator::set_seed(seed);
    const device_array<int> log(64, nullptr);
    device_array<int> next(1, nullptr);
    next.zero();
    device::launch({"order", 1, 64}, nullptr, order_kernel, log.data(), next.data());
    orders.insert(log.to_host_sync());
  }
  EXPECT_EQ(orders.size(), 3U);
  emulator::set_seed(1);
}

}  // namespace
}  // namespace sirfp::test
