// Several maps in one call: the bits of one call after another, whatever they share and wherever they go.
#include <gtest/gtest.h>

#include <deque>
#include <limits>
#include <string>
#include <vector>

#include "sirfp/expects.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"
#include "support/backends.hpp"
#include "support/error_text.hpp"
#include "support/placed_features.hpp"

namespace sirfp::test {
namespace {

// More than share a launch, of all kinds of kernels and tiles; two in three go to a state of their own.
std::vector<feature_case> many_cases() {
  constexpr dtype types[] = {dtype::f16, dtype::bf16, dtype::f32};
  constexpr layout orders[] = {layout::aligned, layout::nchw, layout::nhwc};
  constexpr weighting kinds[] = {weighting::none, weighting::none, weighting::random, weighting::shared};
  std::vector<feature_case> cases;
  for (int k = 0; k < 42; ++k) {
    const std::int64_t channels = k % 9 == 4 ? 66 + k % 3 : 3 + k % 7;
    const std::int64_t width = k % 11 == 5 ? 410 : 7 + k % 5;  // some of several pixel ranges
    cases.push_back(
        {{1 + k % 3, channels, 6, width}, types[k % 3], orders[k / 3 % 3], kinds[k % 4], k % 5 == 0 ? 3.0 : 0.0, static_cast<unsigned>(k)});
  }
  return cases;
}

template <class State>
struct read_sites {
  read_sites(const context& ctx, const std::vector<feature_case>& cases) {
    for (const feature_case& c : cases) {
      data.emplace_back(c);
      placed.emplace_back(ctx, data.back());
      features.push_back(placed.back().view());
      weights.push_back(placed.back().weights());
    }
  }
  std::deque<feature_data> data;
  std::deque<placed_features> placed;
  std::vector<feature_view> features;
  std::vector<pixel_weights> weights;
};

std::vector<double> all_of(const similarity_state& state) { return state.matrix.to_host_sync(); }
std::vector<double> all_of(const moments_state& state) {
  std::vector<double> all = state.scatter.to_host_sync();
  for (const double mean : state.mean.to_host_sync()) all.push_back(mean);
  all.push_back(weight_sync(state));
  return all;
}

// State k reads maps k and k + 21 if they have its width, and has read one before, if `begun`.
template <class State, class Reading, class Add, class AddAll>
void expect_the_same(const context& ctx, const std::string& name, const Add& add, const AddAll& add_all) {
  const read_sites<State> sites(ctx, many_cases());
  std::vector<State> expected(sites.data.size()), found(sites.data.size());
  std::vector<Reading> readings;
  for (const std::size_t begun : {0, 1}) {
    readings.clear();
    for (std::size_t k = 0; k < sites.data.size(); ++k) {
      const bool shared = k >= 21 && sites.features[k].channels == sites.features[k - 21].channels;
      const std::size_t to = shared ? k - 21 : k;
      if (begun == 0 && k % 4 == 1) continue;  // is empty in the second turn
      add(sites.features[k], sites.weights[k], expected[to]);
      readings.push_back({sites.features[k], sites.weights[k], &found[to]});
    }
    add_all(readings);
  }
  int filled = 0;
  for (std::size_t k = 0; k < found.size(); ++k) {
    ASSERT_EQ(found[k].channels, expected[k].channels) << name << " " << k;
    ASSERT_EQ(found[k].images, expected[k].images) << name << " " << k;
    if (found[k].channels == 0) continue;
    ++filled;
    EXPECT_EQ(all_of(found[k]), all_of(expected[k])) << name << " " << k << ": " << many_cases()[k];
  }
  EXPECT_GT(filled, 20);
}

TEST(readings, similarities_of_many_layers) {
  for (const named_context& backend : all_backends())
    for (const accumulation mode : {accumulation::mean, accumulation::ema}) {
      const similarity_options options{.mode = mode, .ema_rate = 0.75};
      expect_the_same<similarity_state, similarity_reading>(
          backend.ctx, backend.name,
          [&](const feature_view& view, const pixel_weights& weights, similarity_state& state) {
            accumulate_similarity(backend.ctx, view, weights, options, state);
          },
          [&](const std::vector<similarity_reading>& readings) { accumulate_similarity(backend.ctx, readings, options); });
    }
}

TEST(readings, moments_of_many_sites) {
  for (const named_context& backend : all_backends())
    expect_the_same<moments_state, moments_reading>(
        backend.ctx, backend.name,
        [&](const feature_view& view, const pixel_weights& weights, moments_state& state) {
          accumulate_moments(backend.ctx, view, weights, state);
        },
        [&](const std::vector<moments_reading>& readings) { accumulate_moments(backend.ctx, readings); });
}

TEST(readings, bad_use_is_refused_before_anything_is_added) {
  for (const named_context& backend : all_backends()) {
    const read_sites<moments_state> sites(backend.ctx, {{{1, 3, 2, 2}}, {{1, 4, 2, 2}}});
    moments_state state;
    const auto read = [&](std::int64_t channels) { return sites.features[channels == 3 ? 0 : 1]; };
    const auto error_of = [&](const std::vector<moments_reading>& readings) {
      return error_text<invalid_argument>([&] { accumulate_moments(backend.ctx, readings); });
    };
    SIRFP_EXPECT_HAS(error_of({{read(3), {}, &state}, {read(3), {}, nullptr}}), "reading of 3 channels without a state");
    SIRFP_EXPECT_HAS(error_of({{read(3), {}, &state}, {read(4), {}, &state}}), "new state of 3 channels, but 4 channels are to be added");
    EXPECT_EQ(state.channels, 0) << backend.name;
    accumulate_moments(backend.ctx, std::vector<moments_reading>{});
    feature_view none = read(3);
    none.images = 0;
    accumulate_moments(backend.ctx, std::vector<moments_reading>{{none, {}, &state}, {read(4), {}, &state}});
    EXPECT_EQ(state.channels, 4) << backend.name;
    SIRFP_EXPECT_HAS(error_of({{read(4), {}, &state}, {read(3), {}, &state}}), "moments state of 4 channels, but 3 channels");
    EXPECT_EQ(state.images, 1) << backend.name;
  }
}

// Whose map it was is in the notes of its own state.
TEST(readings, a_bad_map_spoils_its_own_state_alone) {
  for (const named_context& backend : all_backends()) {
    if (!backend.deferred) continue;
    std::vector<feature_case> cases(8, {{2, 5, 4, 9}, dtype::f32, layout::aligned});
    read_sites<similarity_state> sites(backend.ctx, {});
    for (std::size_t k = 0; k < cases.size(); ++k) {
      sites.data.emplace_back(cases[k]);
      if (k == 3) sites.data.back().map.set(1, 4, 7, std::numeric_limits<double>::quiet_NaN());
      sites.placed.emplace_back(backend.ctx, sites.data.back());
    }
    std::vector<similarity_state> states(cases.size());
    std::vector<similarity_reading> readings;
    for (std::size_t k = 0; k < cases.size(); ++k) readings.push_back({sites.placed[k].view(), {}, &states[k]});
    accumulate_similarity(backend.ctx, readings, {});
    accumulate_similarity(backend.ctx, readings, {});
    for (std::size_t k = 0; k < cases.size(); ++k) {
      if (k != 3) {
        EXPECT_EQ(mean_redundancy_sync(states[k]).size(), 15U);
        continue;
      }
      try {
        mean_redundancy_sync(states[k]);
        FAIL();
      } catch (const non_finite_error& error) {
        EXPECT_EQ(error.image_in_batch, 1);
        EXPECT_EQ(error.channel, 4);
      }
    }
  }
}

}  // namespace
}  // namespace sirfp::test
