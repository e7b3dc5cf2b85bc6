// Bodies that run at the same time, each on one thread.
#include "../../bindings/torch/src/side_by_side.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <atomic>
#include <barrier>
#include <stdexcept>
#include <thread>
#include <vector>

#include "../support/aten_threads.hpp"
#include "../support/error_text.hpp"

namespace sirfp::test {
namespace {

TEST(side_by_side, every_body_once_on_one_thread_and_in_the_callers_modes) {
  for (const int threads : {1, 2, 3}) {
    const aten_threads as_many(threads);
    ASSERT_EQ(adapter::most_side_by_side(c10::kCPU), threads);
    for (const std::int64_t count : {0, 1, 2, 7}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      std::atomic<int> alone{0}, inferring{0};
      const c10::InferenceMode guard;
      adapter::side_by_side(c10::kCPU, count, [&](std::int64_t i) {
        ++calls[static_cast<std::size_t>(i)];
        alone += threads == 1 || (at::in_parallel_region() && omp_in_parallel() != 0);  // what ATen asks, and what oneDNN asks
        inferring += c10::InferenceMode::is_enabled();
      });
      for (const auto& times : calls) EXPECT_EQ(times, 1);
      EXPECT_EQ(alone, count) << threads << " threads";
      EXPECT_EQ(inferring, count);
    }
  }
}

TEST(side_by_side, a_device_has_one_at_a_time) {
  std::vector<std::int64_t> order;
  adapter::side_by_side(c10::kMeta, 4, [&](std::int64_t i) { order.push_back(i); });
  EXPECT_EQ(order, (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(adapter::most_side_by_side(c10::kMeta), 1);
}

TEST(side_by_side, the_first_error_is_the_callers) {
  const aten_threads as_many(2);
  std::atomic<int> ended{0};
  const std::string said = error_text<std::runtime_error>([&] {
    adapter::side_by_side(c10::kCPU, 5, [&](std::int64_t i) {
      ++ended;
      if (i >= 2) throw std::runtime_error("body " + std::to_string(i));
    });
  });
  EXPECT_EQ(said, "body 2");
  EXPECT_EQ(ended, 5);
}

// A dilated convolution goes by im2col, which oneDNN sums in another order for every number of threads. In a thread that is new, so that
// its workers are; and after another operator, with which ATen would give each of them the number that it was told.
TEST(side_by_side, bits_do_not_depend_on_the_number_of_threads) {
  at::manual_seed(3);
  const at::Tensor image = at::randn({1, 512, 23, 30}), weight = at::randn({128, 512, 3, 3});
  const auto convolved = [&](int threads) {
    std::vector<at::Tensor> made(static_cast<std::size_t>(threads));
    std::thread([&] {
      const aten_threads as_many(threads);
      std::barrier all_have_one(threads);
      adapter::side_by_side(c10::kCPU, threads, [&](std::int64_t i) {
        all_have_one.arrive_and_wait();
        const at::Tensor shifted = image + 1;
        made[static_cast<std::size_t>(i)] = at::conv2d(shifted, weight, {}, 1, 6, 6);
        EXPECT_EQ(omp_get_max_threads(), 1);
      });
    }).join();
    return made;
  };
  const at::Tensor alone = convolved(1).front();
  for (const int threads : {2, 3})
    for (const at::Tensor& one : convolved(threads)) EXPECT_TRUE(at::equal(one, alone)) << threads;
}

}  // namespace
}  // namespace sirfp::test
