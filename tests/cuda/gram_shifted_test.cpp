// 16-bit maps whose channels begin anywhere, not on boundaries of 16 bytes: the same bits as of the aligned map, whatever stands around
// the values.
#include <gtest/gtest.h>

#include "gram.hpp"
#include "gram_plan.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/packed.hpp"
#include "support/feature_cases.hpp"
#include "support/map_anywhere.hpp"
#ifdef SIRFP_EMULATED_CUDA
#include "emulator/grid.hpp"
#endif

namespace sirfp::test {
namespace {

struct outcome {
  gram_recipe recipe;
  std::vector<double> redundancy;
};

outcome redundancy_of(const context& ctx, const feature_view& view, std::int64_t range_pixels) {
  const device_gram_plan plan = plan_device_gram(request_of(view, {}, false), {80, 3, 2048, 163 << 10, 164 << 10}, range_pixels);
  const buffer matrix(ctx.memory, packed_size(view.channels));
  const buffer notes(ctx.memory, device_notes::words);
  form_gram(view, {}, {const_cast<double*>(matrix.data()), nullptr, const_cast<double*>(notes.data()), 0, 1e-5}, plan, nullptr);
  return {plan.recipe, matrix.to_host_sync()};
}

// The aligned map is right (gram_test.cpp), and the shifted one is summed up in the same order.
void expect_same_bits(const feature_case& c, std::int64_t offset, std::int64_t gap, std::int64_t range_pixels = 0) {
  const feature_data data(c);
  const context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  const map_anywhere on_boundaries(data.map, 0, (c.shape.pixels() + 7) / 8 * 8 + 8);
  const map_anywhere anywhere(data.map, offset, c.shape.pixels() + gap);
  const outcome aligned = redundancy_of(ctx, on_boundaries.view(), range_pixels);
  const outcome shifted = redundancy_of(ctx, anywhere.view(), range_pixels);
  ASSERT_EQ(aligned.recipe, gram_recipe::copied);
  ASSERT_EQ(shifted.recipe, gram_recipe::shifted);
  EXPECT_EQ(shifted.redundancy, aligned.redundancy) << c << ", offset " << offset << ", gap " << gap;
}

TEST(gram_shifted, any_offset) {
  for (const std::int64_t offset : {0, 1, 2, 3, 4, 5, 6, 7}) {
    expect_same_bits({{2, 11, 1, 91}, dtype::f16}, offset, 0);                    // an odd number of pixels: all offsets among the channels
    expect_same_bits({{1, 3, 1, 70}, dtype::bf16}, offset, offset == 0 ? 1 : 2);  // 72 apart: the same offset for all
  }
}

TEST(gram_shifted, any_number_of_pixels) {
  for (const std::int64_t p : {1, 2, 7, 8, 9, 56, 57, 63, 64, 65, 71, 72, 73, 121, 127, 128, 129, 185, 193, 257})
    expect_same_bits({{1, 9, 1, p}, dtype::f16}, 5, p % 8 == 0 ? 1 : 0);
}

TEST(gram_shifted, any_number_of_channels) {
  for (const std::int64_t channels : {1, 2, 8, 63, 64, 65, 128, 129, 200}) expect_same_bits({{1, channels, 1, 75}, dtype::bf16}, 3, 0);
}

TEST(gram_shifted, ranges_of_an_image) {
  for (const std::int64_t p : {2047, 2049, 2113, 3201}) expect_same_bits({{1, 5, 1, p}, dtype::f16}, 7, 0);
  expect_same_bits({{2, 66, 1, 2113}, dtype::f16}, 1, 0);
}

// Promotion to doubles within a range.
TEST(gram_shifted, long_ranges) {
  for (const std::int64_t p : {4095, 4097, 8321}) expect_same_bits({{1, 2, 1, p}, dtype::f16}, 6, 0, p);
}

#ifdef SIRFP_EMULATED_CUDA
TEST(gram_shifted, any_order_of_threads) {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    emulator::set_seed(seed);
    expect_same_bits({{1, 130, 1, 333}, dtype::f16}, 2, 0);
  }
  emulator::set_seed(1);
}
#endif

}  // namespace
}  // namespace sirfp::test
