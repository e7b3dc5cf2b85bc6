// From feature maps to an order, a report and a folded weight: vectors cross to the host, no matrix does.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "emulator/device_memory.hpp"
#include "sirfp/compensation.hpp"
#include "sirfp/consumer_metric.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/elimination.hpp"
#include "sirfp/predictors.hpp"
#include "sirfp/redundancy_sum.hpp"
#include "sirfp/schur_elimination.hpp"
#include "support/feature_cases.hpp"
#include "support/hand_made_graph.hpp"
#include "support/placed_features.hpp"

namespace sirfp::test {
namespace {

constexpr std::int64_t channels = 96;
// A packed triangle of C channels is as large as 48 vectors of theirs.
constexpr std::size_t most_bytes = 12 * channels * sizeof(double);

std::size_t copied_by(const std::function<void()>& work) {
  const std::size_t before = emulator::bytes_to_host();
  work();
  return emulator::bytes_to_host() - before;
}

struct measured_device {
  measured_device() {
    const feature_data data(feature_case{{2, channels, 9, 8}});
    const placed_features placed(ctx, data);
    accumulate_similarity(ctx, placed.view(), {}, {}, layer);
    accumulate_moments(ctx, placed.view(), {}, site);
    std::mt19937 random(4);
    std::normal_distribution<double> normal;
    for (double& value : weight) value = normal(random);
  }
  context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  similarity_state layer;
  moments_state site;
  std::vector<double> weight = std::vector<double>(4 * channels);  // of a consumer with 4 outputs
};

TEST(copies_to_host, observing_copies_nothing) {
  EXPECT_EQ(copied_by([] { measured_device(); }), 0u);
}

TEST(copies_to_host, whoever_asks_for_a_matrix_gets_all_of_it) {
  const measured_device all;
  EXPECT_GT(copied_by([&] { mean_redundancy_sync(all.layer); }), most_bytes);
  EXPECT_GT(copied_by([&] { moments_sync(all.site); }), most_bytes);
}

TEST(copies_to_host, pairwise_elimination) {
  const measured_device all;
  row_positions rows;
  for (std::int32_t c = 0; c <= channels; ++c) rows.begin.push_back(c);
  for (std::int32_t c = 0; c < channels; ++c) rows.channels.push_back(c);
  EXPECT_LE(copied_by([&] {
              buffer square(all.ctx.memory, channels * channels);
              add_redundancy_sync(all.ctx, all.layer, rows, redundancy_scale::cosine, 72, square);
              const redundancy_matrix matrix{square.data(), true, channels, channels};
              EXPECT_EQ(eliminate(all.ctx, {&matrix, 1}).front().order.size(), static_cast<std::size_t>(channels));
            }),
            most_bytes);
}

TEST(copies_to_host, joint_elimination) {
  const measured_device all;
  std::vector<std::int32_t> channel;
  for (std::int32_t c = 0; c < channels; ++c) channel.push_back(c);
  EXPECT_LE(copied_by([&] {
              site_matrices matrices = site_matrices_sync(all.ctx, all.site);
              add_consumer_metric(all.ctx, {all.weight, 4, channels, 1, {}}, matrices);
              const schur_site site{channels, matrices.covariance.data(), matrices.metric.data(), channel, memory_space::cuda};
              EXPECT_EQ(eliminate_joint(all.ctx, channels, {&site, 1}, {.stop_at = 16}).order.size(), 80u);
            }),
            most_bytes);
}

TEST(copies_to_host, compensation_and_reports) {
  const measured_device all;
  std::vector<std::uint8_t> kept(channels, 1);
  for (std::size_t c = 0; c < channels; c += 3) kept[c] = 0;
  hand_made_graph made;
  made.group(channels);
  made.site(channels_of(0, 0, channels), std::vector<double>(channels * channels), {});
  const moments_state* const sites[] = {&all.site, &all.site};  // pooled
  std::map<std::string, moments_state> by_name;
  by_name.emplace(made.graph.sites.front().name, copied_sync(all.ctx, all.site));
  EXPECT_LE(copied_by([&] {
              std::vector<double> weight = all.weight;
              predict_resident_sync(all.ctx, sites, kept, compensation::least_squares)->fold_sync(weight, 4, 1);
            }),
            most_bytes);
  EXPECT_LE(copied_by([&] {
              const auto found = best_predicted_sync(all.ctx, made.graph.sites.front(), all.site, {kept}, 0);
              EXPECT_EQ(found.size(), 3u);
            }),
            most_bytes);
  EXPECT_LE(copied_by([&] { unvarying_channels_sync(all.ctx, made.graph, by_name); }), most_bytes);
}

// Where a sum goes on from another.
TEST(copies_to_host, copies_stay_there) {
  const measured_device all;
  EXPECT_LE(copied_by([&] {
              copied_sync(all.ctx, all.layer);
              copied_sync(all.ctx, all.site);
            }),
            most_bytes);
}

// Work of two streams has no order: what one has made is waited for and copied.
TEST(copies_to_host, another_stream_gets_it_through_the_host) {
  const measured_device all;
  int other = 0;
  const context beside = cuda_context(0, &other, make_thread_pool(1));
  EXPECT_FALSE(all.site.scatter.lies_with(*beside.memory));
  EXPECT_TRUE(all.site.scatter.lies_with(*cuda_context(0, nullptr, make_thread_pool(1)).memory)) << "the stream decides, not the context";
  EXPECT_GT(copied_by([&] {
              const buffer square = covariance_sync(beside, all.site);
              EXPECT_TRUE(square.lies_with(*beside.memory));
            }),
            most_bytes);
}

}  // namespace
}  // namespace sirfp::test
