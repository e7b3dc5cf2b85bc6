// The kernel of sm_90a against the portable one, which the other tests check: over tails of channels and pixels, ranges, batches,
// promotion, values at the ends of their range. Under the emulator its wgmma, copy engine and mbarriers are a model; on a GPU this is the
// first test.
#include <gtest/gtest.h>

#include "device/runtime.hpp"
#include "gram.hpp"
#include "gram_plan.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "sirfp/similarity.hpp"
#include "support/feature_cases.hpp"
#include "support/long_run.hpp"
#include "support/packed_error.hpp"
#include "support/placed_features.hpp"
#ifdef SIRFP_EMULATED_CUDA
#include "emulator/grid.hpp"
#include "emulator/machine.hpp"
#endif

namespace sirfp::test {
namespace {

constexpr double single_epsilon = std::numeric_limits<float>::epsilon();
constexpr device_facts hopper{90, 3, 2048, 227 << 10, 228 << 10, 50 << 20};

// Emulated, the machine is a Hopper GPU for as long as a test lasts; another GPU has nothing to test.
class gram_wgmma : public testing::Test {
#ifdef SIRFP_EMULATED_CUDA
  emulator::faults machine_{{.facts = hopper }};
#else
  void SetUp() override {
    if (device::facts_of(0).arch != 90) GTEST_SKIP() << "no sm_90a";
  }
#endif
};

context context_of(gram_engine engine) { return cuda_context(0, nullptr, make_thread_pool(1), {.engine = engine}); }

std::vector<double> similarity_on(const context& ctx, const feature_view& view) {
  similarity_state state;
  accumulate_similarity(ctx, view, {}, {}, state);
  return mean_redundancy_sync(state);
}

// Short sums: a few roundings are allowed.
void expect_as_portable(const feature_case& c) {
  const feature_data data(c);
  const context ctx = context_of(gram_engine::wgmma);
  const placed_features placed(ctx, data);
  gram_request request = request_of(placed.view(), {}, false);
  request.by_wgmma = true;
  ASSERT_EQ(plan_device_gram(request, hopper).recipe, gram_recipe::wgmma) << c;
  const std::vector<double> portable = similarity_on(context_of(gram_engine::own), placed.view());
  EXPECT_LE(error_of(similarity_on(ctx, placed.view()), portable, c.shape.channels).worst, 6 * single_epsilon) << c;
}

TEST_F(gram_wgmma, tails_of_channels) {
  for (const std::int64_t channels : {129, 144, 191, 193, 256, 257}) expect_as_portable({{1, channels, 5, 7}, dtype::f16, layout::aligned});
  if (!long_run()) return;
  for (const std::int64_t channels : {130, 192, 255, 384, 385, 513})
    expect_as_portable({{1, channels, 9, 11}, dtype::bf16, layout::aligned});
}

TEST_F(gram_wgmma, tails_of_pixels) {
  for (const std::int64_t p : {1, 8, 63, 64, 65, 255, 256, 257, 330}) expect_as_portable({{1, 130, 1, p}, dtype::bf16, layout::aligned});
}

TEST_F(gram_wgmma, images_and_ranges) {
  expect_as_portable({{3, 150, 1, 70}, dtype::f16, layout::aligned});
  expect_as_portable({{1, 130, 1, 2113}, dtype::f16, layout::aligned});
}

// One range of more pixels than the fp32 sums may keep.
TEST_F(gram_wgmma, promotion_to_doubles) {
  constexpr std::int64_t pixels = 4161;
  const feature_data data(feature_case{{1, 129, 1, pixels}, dtype::f16, layout::aligned});
  const context ctx = context_of(gram_engine::own);
  const placed_features placed(ctx, data);
  gram_request request = request_of(placed.view(), {}, false);
  std::vector<double> results[2];
  for (const bool by_wgmma : {false, true}) {
    request.by_wgmma = by_wgmma;
    const device_gram_plan plan = plan_device_gram(request, hopper, pixels);
    ASSERT_EQ(plan.ranges, 1);
    const buffer matrix(ctx.memory, packed_size(129));
    const buffer notes(ctx.memory, device_notes::words);
    form_gram(placed.view(), {}, {const_cast<double*>(matrix.data()), nullptr, const_cast<double*>(notes.data()), 0, 1e-5}, plan, nullptr);
    results[by_wgmma ? 1 : 0] = matrix.to_host_sync();
  }
  EXPECT_LE(error_of(results[1], results[0], 129).worst, 4 * single_epsilon);
}

// The largest values of bf16 leave fp32 when they are squared: their image is done again, by two terms.
TEST_F(gram_wgmma, the_largest_values_are_done_again) {
  const feature_map map({2, 140, 5, 8}, dtype::bf16, layout::aligned,
                        [](auto n, auto c, auto p) { return (n == 1 ? 3e38 : 1.0) * std::cos(static_cast<double>(3 * c + p)); });
  const context ctx = context_of(gram_engine::wgmma);
  const placed_features placed(ctx, map);
  const std::vector<double> exact = similarity_on(reference_context(), map.view());
  EXPECT_LE(error_of(similarity_on(ctx, placed.view()), exact, 140).worst, 4 * single_epsilon);
}

TEST_F(gram_wgmma, a_non_finite_value_is_named) {
  feature_data data(feature_case{{2, 140, 9, 31}, dtype::f16, layout::aligned});
  data.map.set(1, 138, 278, -std::numeric_limits<double>::infinity());
  const context ctx = context_of(gram_engine::wgmma);
  const placed_features placed(ctx, data);
  try {
    similarity_on(ctx, placed.view());
    FAIL() << "took an infinity";
  } catch (const non_finite_error& error) {
    EXPECT_EQ(error.image_in_batch, 1);
    EXPECT_EQ(error.channel, 138);
  }
}

#ifdef SIRFP_EMULATED_CUDA
TEST_F(gram_wgmma, the_same_bits_in_any_order_of_threads) {
  const feature_data data(feature_case{{1, 140, 1, 470}, dtype::f16, layout::aligned});
  const context ctx = context_of(gram_engine::wgmma);
  const placed_features placed(ctx, data);
  std::vector<double> expected;
  for (const std::uint64_t seed : {1, 2, 3}) {
    emulator::set_seed(seed);
    const std::vector<double> got = similarity_on(ctx, placed.view());
    if (expected.empty()) expected = got;
    EXPECT_EQ(got, expected) << "seed " << seed;
  }
  emulator::set_seed(1);
}
#endif

}  // namespace
}  // namespace sirfp::test
