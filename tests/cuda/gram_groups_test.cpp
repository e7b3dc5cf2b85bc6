// Which maps share launches, and that they do.
#include "gram_groups.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "emulator/grid.hpp"
#include "gram_tuning.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"
#include "support/long_run.hpp"
#include "support/placed_features.hpp"

namespace sirfp::test {
namespace {

constexpr device_facts h200{90, 132, 2048, 227 << 10, 228 << 10, 50 << 20};

device_gram_plan plan_of(std::int64_t images, std::int64_t channels, std::int64_t pixels, dtype type = dtype::f16) {
  return plan_device_gram(
      {.images = images, .channels = channels, .pixels = pixels, .type = type, .contiguous_pixels = true, .aligned = true}, h200);
}

TEST(gram_groups, everyone_is_in_one_group_of_its_kind_that_fits) {
  std::mt19937 random(1);
  const auto below = [&](std::int64_t end) { return 1 + static_cast<std::int64_t>(random()) % end; };
  for (int round = 0; round < 50; ++round) {
    std::vector<device_gram_plan> plans;
    for (std::int64_t k = below(150); k > 0; --k)
      plans.push_back(plan_of(below(3), below(k % 9 == 0 ? 2000 : 200), below(30000),
                              k % 3 == 0   ? dtype::f32
                              : k % 3 == 1 ? dtype::bf16
                                           : dtype::f16));
    std::vector<int> seen(plans.size());
    for (const auto& group : group_grams(plans)) {
      ASSERT_FALSE(group.empty());
      ASSERT_LE(group.size(), std::size_t{gram_tuning::sites_at_once});
      std::int64_t bytes = 0;
      for (const std::size_t k : group) {
        ++seen[k];
        ASSERT_TRUE(plans[k].type == plans[group[0]].type && plans[k].recipe == plans[group[0]].recipe &&
                    plans[k].side == plans[group[0]].side && plans[k].gram.blocks == plans[group[0]].gram.blocks);
        bytes += plans[k].workspace_bytes;
      }
      ASSERT_TRUE(group.size() == 1 || bytes <= gram_tuning::workspace_bytes);
    }
    for (const int times : seen) ASSERT_EQ(times, 1);
  }
}

TEST(gram_groups, as_few_as_can_be) {
  const std::vector<device_gram_plan> same(2 * gram_tuning::sites_at_once + 1, plan_of(1, 48, 2000));
  EXPECT_EQ(group_grams(same).size(), 3U);
  std::vector<device_gram_plan> mixed;
  for (int k = 0; k < 10; ++k) mixed.insert(mixed.end(), {plan_of(1, 48, 2000), plan_of(1, 96, 2000)});
  EXPECT_EQ(group_grams(mixed).size(), 2U);
  EXPECT_TRUE(group_grams({}).empty());
  std::vector<device_gram_plan> alone(3, plan_of(1, 300, 2000));
  for (device_gram_plan& plan : alone) plan.recipe = gram_recipe::wgmma;
  EXPECT_EQ(group_grams(alone).size(), 3U);
}

// Twenty small maps take the launches of one.
TEST(gram_groups, launches_do_not_grow_with_the_sites) {
  const context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  std::deque<feature_data> data;
  std::deque<placed_features> placed;
  for (unsigned k = 0; k < gram_tuning::sites_at_once; ++k) {
    data.emplace_back(feature_case{{1, 4 + k % 5, 5, 5 + k}, dtype::bf16, layout::aligned, weighting::random, 0, k});
    placed.emplace_back(ctx, data.back());
  }
  const auto launches_of = [&](std::size_t sites, bool moments) {
    std::vector<moments_state> states(sites);
    std::vector<similarity_state> similarities(sites);
    std::vector<moments_reading> readings;
    std::vector<similarity_reading> similarity_readings;
    for (std::size_t k = 0; k < sites; ++k) {
      readings.push_back({placed[k].view(), placed[k].weights(), &states[k]});
      similarity_readings.push_back({placed[k].view(), {}, &similarities[k]});
    }
    const std::uint64_t before = emulator::launches();
    if (moments)
      accumulate_moments(ctx, readings);
    else
      accumulate_similarity(ctx, similarity_readings, {});
    return emulator::launches() - before;
  };
  EXPECT_EQ(ctx.backend->readings_at_once(), gram_tuning::sites_at_once);
  EXPECT_EQ(launches_of(1, false), 4U);  // Gram, done again, norms, finish
  EXPECT_EQ(launches_of(gram_tuning::sites_at_once, false), 4U);
  EXPECT_EQ(launches_of(1, true), 6U);  // weights, shifts, Gram, means, weight, finish
  EXPECT_EQ(launches_of(gram_tuning::sites_at_once, true), 6U);
}

// A batch that does not fit the workspace at once goes alone, behind those of its state that wait to go together.
TEST(gram_groups, large_batches_keep_their_turn) {
  if (!long_run()) return;  // thousands of images
  const context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  const std::int64_t images = gram_tuning::workspace_bytes / (64 * 64 * 8) + 1;
  const feature_data small(feature_case{{2, 1, 3, 5}, dtype::f32, layout::nchw, weighting::none, 0, 1});
  const feature_data large(feature_case{{images, 1, 1, 1}, dtype::f32, layout::nchw, weighting::none, 0, 2});
  const placed_features first(ctx, small), second(ctx, large);
  const similarity_options options{.mode = accumulation::ema, .ema_rate = 0.75};
  similarity_state together, in_turn;
  const similarity_reading readings[] = {{first.view(), {}, &together}, {second.view(), {}, &together}, {first.view(), {}, &together}};
  accumulate_similarity(ctx, readings, options);
  for (const similarity_reading& each : readings) accumulate_similarity(ctx, each.features, {}, options, in_turn);
  EXPECT_EQ(together.matrix.to_host_sync(), in_turn.matrix.to_host_sync());
  EXPECT_EQ(together.images, images + 4);
}

}  // namespace
}  // namespace sirfp::test
