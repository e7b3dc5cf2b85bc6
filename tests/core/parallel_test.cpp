#include "sirfp/parallel.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

TEST(parallel, every_index_once) {
  for (const int threads : {1, 2, 3, 5}) {
    const auto pool = make_thread_pool(threads);
    EXPECT_EQ(pool->threads(), threads);
    for (const std::int64_t count : {0, 1, 2, 3, 7, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      pool->parallel_for(count, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
      for (const auto& c : calls) EXPECT_EQ(c.load(), 1) << threads << " threads, " << count << " tasks";
    }
  }
}

TEST(parallel, work_of_many_rounds_is_seen_by_the_caller) {
  const auto pool = make_thread_pool(4);
  std::vector<std::int64_t> values(64);
  for (int round = 0; round < 2000; ++round) pool->parallel_for(64, [&](std::int64_t i) { values[static_cast<std::size_t>(i)] += i; });
  for (std::int64_t i = 0; i < 64; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], 2000 * i);
}

TEST(parallel, the_exception_of_the_lowest_index_comes_out_and_the_pool_lives_on) {
  for (const int threads : {1, 2, 5}) {
    const auto pool = make_thread_pool(threads);
    for (int round = 0; round < 50; ++round) {
      try {
        pool->parallel_for(40, [](std::int64_t i) {
          if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
        });
        FAIL();
      } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "7");
      }
    }
    std::atomic<int> calls = 0;
    pool->parallel_for(9, [&](std::int64_t) { ++calls; });
    EXPECT_EQ(calls.load(), 9);
  }
}

TEST(parallel, one_thread_is_the_callers) {
  const auto here = std::this_thread::get_id();
  make_thread_pool(1)->parallel_for(5, [&](std::int64_t) { EXPECT_EQ(std::this_thread::get_id(), here); });
}

TEST(parallel, no_threads_are_refused) {
  EXPECT_THROW(make_thread_pool(0), invalid_argument);
  EXPECT_THROW(make_thread_pool(-2), invalid_argument);
}

}  // namespace
}  // namespace sirfp
