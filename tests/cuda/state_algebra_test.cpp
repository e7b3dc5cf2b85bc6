// Merging on the device has the bits of the reference, whatever the size.
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <random>

#include "sirfp/backend.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/packed.hpp"
#include "state_algebra_plan.hpp"

namespace sirfp::test {
namespace {

std::vector<double> random_values(std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.3, 100);
  std::vector<double> values(static_cast<std::size_t>(size));
  for (double& value : values) value = normal(random);
  return values;
}

moments_state random_state(const context& ctx, std::int64_t channels, double weight, unsigned seed) {
  return {channels, 2, weight, buffer::from_host(ctx.memory, random_values(channels, seed)),
          buffer::from_host(ctx.memory, random_values(packed_size(channels), seed + 1))};
}

TEST(state_algebra, combine_has_the_bits_of_the_reference) {
  const context reference = reference_context();
  const context cuda = cuda_context(0, nullptr, make_thread_pool(1));
  for (const std::int64_t size : {1, 31, 32, 33, 255, 256, 257, 7000}) {
    const auto combined = [&](const context& ctx) {
      buffer into = buffer::from_host(ctx.memory, random_values(size, 1));
      ctx.backend->combine(ctx, into, 0.9, buffer::from_host(ctx.memory, random_values(size, 2)), 0.1);
      return into.to_host_sync();
    };
    EXPECT_EQ(combined(cuda), combined(reference)) << size;
  }
}

TEST(state_algebra, merged_moments_have_the_bits_of_the_reference) {
  const context reference = reference_context();
  const context cuda = cuda_context(0, nullptr, make_thread_pool(1));
  for (const std::int64_t channels : {1, 2, 31, 32, 33, 70, 257})
    for (const auto& [first, second] : {std::pair{3.0, 8.5}, {0.0, 2.0}, {2.0, 0.0}, {0.0, 0.0}}) {
      const auto merged = [&](const context& ctx) {
        moments_state into = random_state(ctx, channels, first, 3);
        merge(ctx, into, random_state(ctx, channels, second, 5));
        EXPECT_EQ(into.images, 4);
        std::vector<double> all = into.mean.to_host_sync();
        for (const double value : into.scatter.to_host_sync()) all.push_back(value);
        all.push_back(weight_sync(into));
        return all;
      };
      EXPECT_EQ(merged(cuda), merged(reference)) << channels << " channels, weights " << first << " and " << second;
    }
}

TEST(state_algebra, the_lowest_image_of_merged_notes_stands) {
  const context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  const auto bits = [](std::int64_t code) { return std::bit_cast<double>(code); };
  const auto merged = [&](std::int64_t into_code, std::int64_t from_code) {
    buffer into = buffer::from_host(ctx.memory, {bits(into_code), 0, 0, 0});
    ctx.backend->merge_notes(ctx, into, buffer::from_host(ctx.memory, {bits(from_code), 0, 5, bits(from_code)}), 10);
    EXPECT_EQ(into.to_host_sync()[device_notes::weight], 0) << "merge_moments adds weights";
    EXPECT_EQ(std::bit_cast<std::int64_t>(into.to_host_sync()[device_notes::beyond_fp32]), device_notes::moved(from_code, 10));
    return std::bit_cast<std::int64_t>(into.to_host_sync()[device_notes::bad_feature]);
  };
  using device_notes::code;
  EXPECT_EQ(merged(0, 0), 0);
  EXPECT_EQ(merged(0, code(3, 7)), code(13, 7));
  EXPECT_EQ(merged(code(4, 1), code(3, 7)), code(4, 1));
  EXPECT_EQ(merged(code(4, 1), 0), code(4, 1));
  EXPECT_EQ(device_notes::moved(code(3, 7), 10), code(13, 7));
  EXPECT_GT(code(3, 9), code(4, 1)) << "the lowest image";
  EXPECT_GT(code(3, 8), code(3, 9)) << "then the lowest channel";
  EXPECT_EQ(device_notes::image_of(code(123456, INT32_MAX)), 123456);
  EXPECT_EQ(device_notes::index_of(code(123456, INT32_MAX)), INT32_MAX);
}

TEST(state_algebra, plans_cover_the_elements_or_go_round) {
  for (const device_facts& facts : {device_facts{90, 132, 2048, 227 << 10, 228 << 10, 50 << 20}, device_facts{80, 1, 128, 0, 0, 0}})
    for (const std::int64_t size : {std::int64_t{0}, std::int64_t{1}, std::int64_t{256}, std::int64_t{257}, std::int64_t{1} << 40,
                                    std::numeric_limits<std::int64_t>::max()}) {
      const device::launch_shape shape = plan_elementwise("any", size, facts);
      EXPECT_EQ(shape.blocks == 0, size == 0);
      EXPECT_LE(shape.blocks, 132 * 8);
      EXPECT_TRUE(shape.blocks == 0 || (shape.blocks - 1) * shape.threads < size);
    }
}

}  // namespace
}  // namespace sirfp::test
