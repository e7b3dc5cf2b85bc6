#include "sirfp/cuda_context.hpp"

#include <gtest/gtest.h>

#include "cuda_backend.hpp"
#include "emulator/device_memory.hpp"
#include "emulator/machine.hpp"
#include "sirfp/expects.hpp"
#include "support/error_text.hpp"

namespace sirfp::test {
namespace {

TEST(cuda_context, a_device_that_is_not_there_is_named) {
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { cuda_context(7); }), "device 7, expected 0 to 0");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { cuda_context(-1); }), "device -1, expected 0 to 0");
}

TEST(cuda_context, a_machine_without_a_gpu_says_what_is_missing) {
  const emulator::faults made({.devices = 0});
  EXPECT_EQ(error_text<invalid_argument>([] { cuda_context(); }), "backend cuda: the driver finds no GPU");
}

TEST(cuda_context, out_of_memory_names_the_bytes_and_leaves_the_context_usable) {
  const context ctx = cuda_context();
  {
    const emulator::faults made({.memory_bytes = 1000});
    const buffer small(ctx.memory, 50);
    EXPECT_EQ(error_text<failure>([&] { buffer(ctx.memory, 100); }), "out of device memory: 800 bytes asked for, 600 of 1000 free");
  }
  EXPECT_EQ(buffer(ctx.memory, 100).to_host_sync(), std::vector<double>(100, 0.0));
}

TEST(cuda_context, features_on_the_host_are_refused) {
  const context ctx = cuda_context();
  const std::vector<float> map(12, 1.0F);
  feature_view features = feature_view::nchw(map.data(), dtype::f32, 1, 3, 2, 2);
  features.space = memory_space::cuda;  // a wrong word
  similarity_state state;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { accumulate_similarity(ctx, features, {}, {}, state); }),
                   "which is not in the memory of backend cuda's device");
  EXPECT_EQ(state.channels, 0);
}

TEST(cuda_context, a_build_without_the_backend_names_the_option) {
  for (const char* name : {"cuda", "cuda:1"})
    SIRFP_EXPECT_HAS(error_text<invalid_argument>([=] { make_context(name); }), "this build has none (-DSIRFP_CUDA=ON brings it)");
}

TEST(cuda_context, a_registered_backend_gets_its_device) {
  int asked = -1;
  bool exact = false;
  register_backend("toy", [&](const device_request& request, std::shared_ptr<executor>) {
    asked = request.device;
    exact = request.exact;
    return reference_context();
  });
  make_context("toy");
  EXPECT_EQ(asked, 0);
  make_context("toy:12", nullptr, {.device = 3, .exact = true});
  EXPECT_EQ(asked, 12);
  EXPECT_TRUE(exact);
  EXPECT_TRUE(has_backend("toy"));
  EXPECT_FALSE(has_backend("cuda"));
  for (const char* name : {"toy:", "toy:-1", "toy:1x", "toy:99999999999"})
    SIRFP_EXPECT_HAS(error_text<invalid_argument>([=] { make_context(name); }), "expected a device number behind the colon");
}

TEST(cuda_context, buffers_live_on_the_device_and_go_with_it) {
  {
    const context ctx = cuda_context();
    const buffer made = buffer::from_host(ctx.memory, {1, 2, 3});
    EXPECT_EQ(made.space(), memory_space::cuda);
    EXPECT_EQ(made.to_host_sync(), (std::vector<double>{1, 2, 3}));
    EXPECT_EQ(buffer(ctx.memory, 4).to_host_sync(), std::vector<double>(4, 0.0));
    EXPECT_EQ(emulator::live_allocations(), 1U);
  }
  EXPECT_EQ(emulator::live_allocations(), 0U);
}

}  // namespace
}  // namespace sirfp::test
