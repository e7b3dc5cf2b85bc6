#include "sirfp/predictors.hpp"

#include <gtest/gtest.h>

#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "support/backends.hpp"
#include "support/error_text.hpp"
#include "support/hand_made_graph.hpp"
#include "support/samples.hpp"

namespace sirfp {
namespace {

// Moments of channels that are written as mixtures (rows) of independent sources of variance 1.
moments mixture(const std::vector<std::vector<double>>& rows, const std::vector<double>& mean = {}) {
  const auto n = static_cast<std::int64_t>(rows.size());
  moments made{n, 100, mean.empty() ? std::vector<double>(rows.size(), 0.0) : mean, {}};
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double product = 0;
      for (std::size_t s = 0; s < rows[i].size(); ++s) product += rows[i][s] * rows[j][s];
      made.covariance.push_back(product);
    }
  return made;
}

consumer_site site_of(channel_layout layout) {
  consumer_site made;
  made.name = "site";
  made.layout = std::move(layout);
  return made;
}

std::vector<predicted_channel> predicted(const consumer_site& site, const moments& measured, const channel_mask& mask, std::int32_t group,
                                         std::size_t count = 3, double lambda = 1e-9, const context& ctx = reference_context()) {
  return best_predicted_sync(ctx, site, test::state_of(ctx, measured), mask, group, count, lambda);
}

// Channel 3 is 2 a - b, channel 4 is half its own, channel 5 is new, channel 6 never varies.
const std::vector<std::vector<double>> sources = {{1, 0, 0, 0}, {0, 1, 0, 0},   {0, 0, 0, 0.1}, {2, -1, 0, 0},
                                                  {1, 0, 1, 0}, {0, 0, 0.7, 0}, {0, 0, 0, 0}};
const channel_mask three_kept = {{1, 1, 1, 0, 0, 0, 0}};

TEST(predictors, best_predicted) {
  for (const test::named_context& backend : test::all_backends()) {
    SCOPED_TRACE(backend.name);
    const auto found = predicted(site_of(test::channels_of(0, 0, 7)), mixture(sources), three_kept, 0, 4, 1e-9, backend.ctx);
    ASSERT_EQ(found.size(), 4u);
    EXPECT_EQ(found[0].channel, 6);  // what never varies is its mean
    EXPECT_EQ(found[0].explained, 1);
    EXPECT_TRUE(found[0].by.empty());
    EXPECT_EQ(found[1].channel, 3);
    EXPECT_NEAR(found[1].explained, 1, 1e-6);
    ASSERT_EQ(found[1].by.size(), 2u);
    EXPECT_EQ(found[1].by[0].channel, (channel_ref{0, 0}));
    EXPECT_NEAR(found[1].by[0].weight, 2, 1e-6);
    EXPECT_EQ(found[1].by[1].channel, (channel_ref{0, 1}));
    EXPECT_NEAR(found[1].by[1].weight, -1, 1e-6);
    EXPECT_EQ(found[2].channel, 4);
    EXPECT_NEAR(found[2].explained, 0.5, 1e-6);
    EXPECT_EQ(found[3].channel, 5);
    EXPECT_EQ(found[3].explained, 0);
  }
}

TEST(predictors, at_most_as_many_as_asked) {
  EXPECT_EQ(predicted(site_of(test::channels_of(0, 0, 7)), mixture(sources), three_kept, 0).size(), 3u);
  EXPECT_TRUE(predicted(site_of(test::channels_of(0, 0, 7)), mixture(sources), {{1, 1, 1, 1, 1, 1, 1}}, 0).empty());
}

// Strength counts the predictor's spread, not its coefficient alone; who belongs to no group has no name.
TEST(predictors, strongest_first_and_only_named) {
  const std::vector<std::vector<double>> rows = {{0.1, 0, 0}, {0, 10, 0}, {0, 0, 1}, {1, 2, 5}};  // = 10 a + 0.2 b + 5 input
  const auto site = site_of({{0, 0}, {0, 1}, {-1, -1}, {1, 0}});
  const auto found = predicted(site, mixture(rows), {{1, 1}, {0, 1}}, 1);
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(found[0].by.size(), 2u);
  EXPECT_EQ(found[0].by[0].channel, (channel_ref{0, 1}));
  EXPECT_NEAR(found[0].by[0].weight, 0.2, 1e-4);
  EXPECT_NEAR(found[0].by[1].weight, 10, 1e-3);
}

TEST(predictors, a_repeated_channel_counts_once) {
  const auto site = site_of({{0, 0}, {0, 1}, {0, 1}});
  EXPECT_EQ(predicted(site, mixture({{1}, {1}, {1}}), {{1, 0}}, 0).size(), 1u);
}

TEST(predictors, refuses_moments_of_another_site) {
  SIRFP_EXPECT_HAS(test::error_text<invalid_argument>([] {
                     predicted(site_of({{0, 0}}), mixture({{1}, {1}}), {{1}}, 0);
                   }),
                   "moments of site site: 2 channels, expected 1");
}

// A state that was read from a file is on the host, whoever computes.
TEST(predictors, moments_may_lie_elsewhere) {
  const consumer_site site = site_of(test::channels_of(0, 0, 7));
  const moments_state on_host = test::state_of(reference_context(), mixture(sources));
  for (const test::named_context& backend : test::all_backends()) {
    const auto found = best_predicted_sync(backend.ctx, site, on_host, three_kept, 0, 4, 1e-9);
    ASSERT_EQ(found.size(), 4u) << backend.name;
    EXPECT_EQ(found[1].channel, 3) << backend.name;
    EXPECT_NEAR(found[2].explained, 0.5, 1e-6) << backend.name;
  }
}

TEST(predictors, unvarying_channels) {
  test::hand_made_graph made;
  made.group(3);
  made.site(test::channels_of(0, 0, 3), std::vector<double>(9), {});
  made.site(test::channels_of(0, 0, 3), std::vector<double>(9), {});
  // Channel 1 is constant at both, channel 2 at the first only; a rounded mean leaves a trace of variance.
  const moments first = mixture({{1}, {0}, {1e-14}}, {0, 5, 1000});
  const moments second = mixture({{1}, {0}, {1}});
  for (const test::named_context& backend : test::all_backends()) {
    SCOPED_TRACE(backend.name);
    std::map<std::string, moments_state> sites;
    sites.emplace("site0", test::state_of(backend.ctx, first));
    sites.emplace("site1", test::state_of(backend.ctx, second));
    const auto found = unvarying_channels_sync(backend.ctx, made.graph, sites);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].channel, (channel_ref{0, 1}));
    EXPECT_EQ(found[0].varies_at, "");
    EXPECT_EQ(found[1].channel, (channel_ref{0, 2}));
    EXPECT_EQ(found[1].varies_at, "site1");
    EXPECT_TRUE(unvarying_channels_sync(backend.ctx, made.graph, {}).empty());
  }
}

}  // namespace
}  // namespace sirfp
