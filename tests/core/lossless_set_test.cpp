// --lossless: what is dead, a duplicate or a sum of others goes, and nothing else.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "sirfp/removal_curve.hpp"
#include "support/hand_made_graph.hpp"

namespace sirfp {
namespace {

using test::channels_of;
using test::hand_made_graph;

// The covariance of z = mix x, x with the covariance of `sources` random signals: rows of `mix` [n x sources].
std::vector<double> covariance_of(std::uint64_t seed, const std::vector<std::vector<double>>& mix) {
  std::mt19937_64 random(seed);
  const std::size_t sources = mix.front().size(), n = mix.size();
  const std::vector<double> gram = test::random_gram(random, static_cast<std::int64_t>(sources), static_cast<std::int64_t>(sources) + 5);
  std::vector<double> covariance(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t a = 0; a < sources; ++a)
        for (std::size_t b = 0; b < sources; ++b) covariance[i * n + j] += mix[i][a] * gram[a * sources + b] * mix[j][b];
  return covariance;
}

std::vector<double> metric_of(std::uint64_t seed, std::int64_t n) {
  std::mt19937_64 random(seed + 1000);
  return test::random_gram(random, n, n + 3);
}

channel_mask lossless(const hand_made_graph& made) { return lossless_set(reference_context(), made.graph, made.sites()); }

std::int64_t removed_of(const std::vector<std::uint8_t>& mask) { return std::count(mask.begin(), mask.end(), 0); }

// Signals 0, 1, 2; channel 3 is dead, 4 = signal 1 again, 5 = signal 0 + 2 signal 2.
const std::vector<std::vector<double>> planted = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 0, 0}, {0, 1, 0}, {1, 0, 2}};

TEST(lossless_set, planted_channels_go_and_no_others) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    hand_made_graph made;
    made.site(channels_of(made.group(6), 0, 6), covariance_of(seed, planted), metric_of(seed, 6));
    const std::vector<std::uint8_t> mask = lossless(made)[0];
    ASSERT_EQ(removed_of(mask), 3) << "seed " << seed;  // what is left spans the three signals
    ASSERT_EQ(mask[3], 0) << "seed " << seed;
    ASSERT_EQ(mask[1] + mask[4], 1) << "seed " << seed;
    ASSERT_EQ(mask[0] + mask[2] + mask[5], 2) << "seed " << seed;
  }
}

TEST(lossless_set, independent_channels_stay) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    hand_made_graph made;
    made.site(channels_of(made.group(3), 0, 3), covariance_of(seed, {{1, 0, 0}, {1, 1e-2, 0}, {0, 1, 1}}), metric_of(seed, 3));
    ASSERT_EQ(lossless(made), full_mask(made.graph)) << "seed " << seed;
  }
}

TEST(lossless_set, a_channel_that_another_site_needs_stays) {
  hand_made_graph made;
  const std::int32_t group = made.group(6);
  made.site(channels_of(group, 0, 6), covariance_of(1, planted), metric_of(1, 6));
  made.site(channels_of(group, 3, 1), {1}, {1});  // the dead channel is alive here
  const std::vector<std::uint8_t> mask = lossless(made)[0];
  EXPECT_EQ(mask[3], 1);
  EXPECT_EQ(removed_of(mask), 2);
}

TEST(lossless_set, every_group_keeps_a_channel) {
  hand_made_graph made;
  made.site(channels_of(made.group(4), 0, 4), std::vector<double>(16, 0.0), metric_of(1, 4));
  EXPECT_EQ(removed_of(lossless(made)[0]), 3);
}

TEST(lossless_set, locked_groups_and_groups_with_blocks_stay_whole) {
  hand_made_graph made;
  const std::int32_t locked = made.group(6), blocks = made.group(6, 2);
  made.graph.groups[static_cast<std::size_t>(locked)].locked = true;
  for (const std::int32_t group : {locked, blocks}) made.site(channels_of(group, 0, 6), covariance_of(2, planted), metric_of(2, 6));
  EXPECT_EQ(lossless(made), full_mask(made.graph));
}

}  // namespace
}  // namespace sirfp
