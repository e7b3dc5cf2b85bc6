#include "sirfp/memory.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "sirfp/expects.hpp"

// Under the address sanitizer a request beyond all memory shall be refused as it is without.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }  // NOLINT(bugprone-reserved-identifier)

namespace sirfp {
namespace {

// Counts what is held, so that a buffer that leaks or frees twice shows.
class counting_memory final : public memory_resource {
 public:
  std::int64_t total_bytes() const override { return host_memory()->total_bytes(); }
  bool same_place(const memory_resource& other) const noexcept override { return &other == this; }
  memory_space space() const noexcept override { return memory_space::host; }
  void* allocate(std::size_t bytes) override {
    held += static_cast<std::int64_t>(bytes);
    return host_memory()->allocate(bytes);
  }
  void deallocate(void* pointer, std::size_t bytes) noexcept override {
    held -= static_cast<std::int64_t>(bytes);
    host_memory()->deallocate(pointer, bytes);
  }
  void zero(void* pointer, std::size_t bytes) override {
    if (lost) throw failure("the device is lost");
    host_memory()->zero(pointer, bytes);
  }
  void copy(void* pointer, const void* from, std::size_t bytes) override { host_memory()->copy(pointer, from, bytes); }
  void copy_to_host(void* host, const void* pointer, std::size_t bytes) override {
    ++copies_to_host;
    host_memory()->copy_to_host(host, pointer, bytes);
  }
  void copy_from_host(void* pointer, const void* host, std::size_t bytes) override { host_memory()->copy_from_host(pointer, host, bytes); }
  std::int64_t held = 0;
  int copies_to_host = 0;
  bool lost = false;
};

TEST(memory, a_buffer_that_cannot_be_cleared_is_given_back) {
  const auto memory = std::make_shared<counting_memory>();
  memory->lost = true;
  EXPECT_THROW(buffer(memory, 10), failure);
  EXPECT_EQ(memory->held, 0);
}

TEST(memory, buffers_start_at_zero_and_are_aligned) {
  for (const std::int64_t size : {1, 7, 8, 1000}) {
    const buffer made(host_memory(), size);
    EXPECT_EQ(made.size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(made.data()) % 64, 0U);
    EXPECT_EQ(made.to_host_sync(), std::vector<double>(static_cast<std::size_t>(size)));
  }
}

// What lies in another place, as another device's does, goes through the host.
TEST(memory, copies) {
  const std::vector<double> values{1, -0.0, 3.5};
  const auto here = std::make_shared<counting_memory>(), there = std::make_shared<counting_memory>();
  const buffer original = buffer::from_host(here, values);
  EXPECT_TRUE(original.lies_with(*here));
  EXPECT_FALSE(original.lies_with(*there));
  EXPECT_EQ(original.copied_to(here).to_host_sync(), values);
  EXPECT_EQ(here->copies_to_host, 1) << "the test's own";
  const buffer moved = original.copied_to(there);
  EXPECT_EQ(here->copies_to_host, 2);
  EXPECT_TRUE(moved.lies_with(*there));
  EXPECT_EQ(moved.to_host_sync(), values);
  EXPECT_TRUE(std::signbit(original.copied_to(here).to_host_sync()[1])) << "bit for bit";
  EXPECT_TRUE(buffer().copied_to(there).empty());
}

TEST(memory, values_come_back) {
  const std::vector<double> values{1, -2, 3.5};
  EXPECT_EQ(buffer::from_host(host_memory(), values).to_host_sync(), values);
  EXPECT_TRUE(buffer::from_host(host_memory(), {}).to_host_sync().empty());
  EXPECT_TRUE(buffer().to_host_sync().empty());
}

TEST(memory, moving_hands_over_and_frees_once) {
  const auto memory = std::make_shared<counting_memory>();
  {
    buffer first = buffer::from_host(memory, {1, 2, 3});
    buffer second(memory, 5);
    EXPECT_EQ(memory->held, 64);
    second = std::move(first);
    EXPECT_EQ(memory->held, 24);
    EXPECT_EQ(second.to_host_sync(), (std::vector<double>{1, 2, 3}));
    const buffer third(std::move(second));
    EXPECT_EQ(third.size(), 3);
  }
  EXPECT_EQ(memory->held, 0);
}

TEST(memory, bad_sizes) {
  EXPECT_THROW(buffer(host_memory(), -1), invalid_argument);
  EXPECT_THROW(host_memory()->allocate(std::numeric_limits<std::size_t>::max() / 2), failure);
}

}  // namespace
}  // namespace sirfp
