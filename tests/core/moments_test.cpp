#include "sirfp/moments.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "sirfp/expects.hpp"
#include "support/backends.hpp"
#include "support/feature_cases.hpp"
#include "support/packed_error.hpp"
#include "support/placed_features.hpp"
#include "support/plain_sums.hpp"

namespace sirfp::test {
namespace {

constexpr double single_epsilon = std::numeric_limits<float>::epsilon();

void add(const context& ctx, const feature_data& data, moments_state& state) {
  const placed_features placed(ctx, data);
  accumulate_moments(ctx, placed.view(), placed.weights(), state);
}

moments_state accumulated(const context& ctx, const feature_data& data) {
  moments_state state;
  add(ctx, data, state);
  return state;
}

std::vector<double> bits_of(const moments_state& state) {
  std::vector<double> all = state.scatter.to_host_sync();
  const std::vector<double> mean = state.mean.to_host_sync();
  all.insert(all.end(), mean.begin(), mean.end());
  all.push_back(weight_sync(state));
  return all;
}

// The worst error of a mean, in units of the values' size: the exact mean's magnitude and the spread.
double mean_error(const moments& got, const moments& exact) {
  double worst = 0;
  for (std::int64_t c = 0; c < exact.channels; ++c) {
    const auto k = static_cast<std::size_t>(c);
    const double size = std::abs(exact.mean[k]) + std::sqrt(exact.covariance[static_cast<std::size_t>(packed_index(c, c))]);
    const double error = std::abs(got.mean[k] - exact.mean[k]) / std::max(size, std::numeric_limits<double>::min());
    worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(worst, error);
  }
  return worst;
}

// Where a channel is constant, a variance below the square of one rounding of the mean counts as 0.
double rounding_floor(const feature_case& c) { return std::max(1e-60, std::pow(c.mean * 1e-15, 2)); }

TEST(moments, every_case_on_every_backend) {
  for (const feature_case& c : feature_cases()) {
    const feature_data data(c);
    const moments exact = two_pass<double>(data);
    const double naive = error_of(two_pass<float>(data).covariance, exact.covariance, c.shape.channels, rounding_floor(c)).worst;
    for (const named_context& backend : all_backends()) {
      if (is_too_slow(backend, c.shape.images, c.shape.channels, c.shape.pixels())) continue;
      const moments_state state = accumulated(backend.ctx, data);
      EXPECT_EQ(state.images, c.shape.images);
      const moments got = moments_sync(state);
      EXPECT_NEAR(got.weight, exact.weight, 1e-12 * exact.weight) << backend.name << ": " << c;
      EXPECT_LE(mean_error(got, exact), backend.exact ? 1e-13 : single_epsilon) << backend.name << ": " << c;
      const packed_error error = error_of(got.covariance, exact.covariance, c.shape.channels, rounding_floor(c));
      // a large mean must cost no digits: the naive error is then useless as a bound
      const double allowed = backend.exact ? 1e-9 : (c.mean > 0 ? 0 : 2 * naive) + 4 * single_epsilon;
      EXPECT_LE(error.worst, allowed) << backend.name << ": " << c << ": Sigma(" << error.row << ", " << error.column << "), naive "
                                      << naive;
    }
  }
}

TEST(moments, known_values) {
  // z_0 = (1, 3), z_1 = (5, 5), w = (3, 1): m = (1.5, 5), Sigma_00 = (3 * 0.25 + 2.25) / 4
  const feature_map map({1, 2, 1, 2}, dtype::f32, layout::nchw,
                        [](auto, std::int64_t c, std::int64_t p) { return c == 1 ? 5.0 : 1.0 + 2.0 * static_cast<double>(p); });
  for (const named_context& backend : all_backends()) {
    moments_state state;
    const placed_features placed(backend.ctx, map, {3, 1}, 0);
    accumulate_moments(backend.ctx, placed.view(), placed.weights(), state);
    const moments got = moments_sync(state);
    EXPECT_EQ(got.weight, 4);
    EXPECT_NEAR(got.mean[0], 1.5, 1e-7) << backend.name;
    EXPECT_NEAR(got.covariance[0], 0.75, 1e-6) << backend.name;
    EXPECT_EQ(got.covariance[1], 0) << backend.name << ": with a constant channel";
    EXPECT_EQ(got.covariance[2], 0) << backend.name << ": of a constant channel";
  }
}

// A step between the parts of an image that are packed as blocks: what each block's own centre leaves out must come back.
TEST(moments, means_that_differ_between_blocks) {
  for (const std::int64_t channels : {3, 130}) {
    const extents shape{2, channels, 90, 100};
    const feature_data noise(feature_case{shape});
    feature_data data(feature_case{shape});
    for (std::int64_t n = 0; n < 2; ++n)
      for (std::int64_t c = 0; c < channels; ++c)
        for (std::int64_t p = 0; p < 9000; ++p)
          data.map.set(n, c, p, 50.0 * static_cast<double>((p / 1000) * (c % 3 + 1) + n) + noise.map.at(n, c, p));
    const moments exact = two_pass<double>(data);
    for (const named_context& backend : all_backends()) {
      if (is_too_slow(backend, 2, channels, 9000)) continue;
      const moments got = moments_sync(accumulated(backend.ctx, data));
      EXPECT_LE(error_of(got.covariance, exact.covariance, channels).worst, backend.exact ? 1e-12 : 4 * single_epsilon) << backend.name;
      EXPECT_LE(mean_error(got, exact), single_epsilon) << backend.name;
    }
  }
}

// A state that comes from elsewhere has its weight on the host, and goes on from there.
TEST(moments, a_copied_state_goes_on) {
  const feature_case first{{2, 9, 6, 5}, dtype::f32, layout::nchw, weighting::random, 3, 1};
  const feature_case second{{1, 9, 7, 4}, dtype::f32, layout::nchw, weighting::random, -2, 2};
  const feature_data data[] = {feature_data(first), feature_data(second)};
  for (const named_context& backend : all_backends()) {
    moments_state whole = accumulated(backend.ctx, data[0]);
    moments_state resumed = copied_sync(backend.ctx, copied_sync(reference_context(), whole));
    moments_state beside = copied_sync(backend.ctx, whole);
    EXPECT_GT(resumed.host_weight, 0);
    for (moments_state* const state : {&whole, &resumed, &beside}) add(backend.ctx, data[1], *state);
    for (moments_state* const state : {&resumed, &beside}) {
      EXPECT_EQ(bits_of(*state), bits_of(whole)) << backend.name;
      EXPECT_EQ(state->images, 3);
    }
  }
}

TEST(moments, parts_are_those_of_the_whole) {
  const feature_data data(feature_case{{2, 9, 6, 5}, dtype::f32, layout::nchw, weighting::random, 3, 1});
  for (const named_context& backend : all_backends()) {
    const moments_state here = accumulated(backend.ctx, data), on_host = copied_sync(reference_context(), here);
    const moments whole = moments_sync(here);
    for (const moments_state* const state : {&here, &on_host}) {
      const buffer square = covariance_sync(backend.ctx, *state);
      EXPECT_EQ(square.space(), backend.ctx.backend->space());
      EXPECT_EQ(square.to_host_sync(), unpack(whole.covariance, 9)) << backend.name;
      const std::vector<double> variances = variances_sync(backend.ctx, *state);
      ASSERT_EQ(variances.size(), 9u);
      for (std::int64_t c = 0; c < 9; ++c)
        EXPECT_EQ(variances[static_cast<std::size_t>(c)], whole.covariance[static_cast<std::size_t>(packed_index(c, c))]) << backend.name;
    }
    EXPECT_THROW(variances_sync(backend.ctx, {}), invalid_argument);
    EXPECT_THROW(covariance_sync(backend.ctx, {}), invalid_argument);
  }
}

TEST(moments, permuted_channels_permute_the_moments) {
  const extents shape{1, 150, 6, 8};
  const feature_data data(feature_case{shape});
  std::vector<std::int64_t> order(150);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(8));
  feature_data permuted(feature_case{shape});
  for (std::int64_t c = 0; c < 150; ++c)
    for (std::int64_t p = 0; p < 48; ++p) permuted.map.set(0, c, p, data.map.at(0, order[static_cast<std::size_t>(c)], p));
  for (const named_context& backend : all_backends()) {
    const moments a = moments_sync(accumulated(backend.ctx, data));
    const moments b = moments_sync(accumulated(backend.ctx, permuted));
    for (std::int64_t i = 0; i < 150; ++i) {
      EXPECT_EQ(b.mean[static_cast<std::size_t>(i)], a.mean[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]) << backend.name;
      for (std::int64_t j = 0; j <= i; ++j) {
        const double want =
            a.covariance[static_cast<std::size_t>(packed_index(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]))];
        ASSERT_NEAR(b.covariance[static_cast<std::size_t>(packed_index(i, j))], want, 1e-6 * std::abs(want) + 1e-6) << backend.name;
      }
    }
  }
}

TEST(moments, same_bits_for_any_number_of_threads) {
  const feature_case cases[] = {
      {{3, 40, 37, 61}, dtype::f32, layout::nchw, weighting::random, 10}, {{2, 200, 23, 31}}, {{5, 17, 2, 2}}, {{1, 130, 101, 93}}};
  for (const simd_level level : simd_levels())
    for (const feature_case& c : cases) {
      const feature_data data(c);
      const std::vector<double> one = bits_of(accumulated(cpu_at(level, 1).ctx, data));
      for (const int threads : {2, 3, 5}) {
        const named_context backend = cpu_at(level, threads);
        EXPECT_EQ(bits_of(accumulated(backend.ctx, data)), one) << backend.name << ": " << c;
      }
    }
}

TEST(moments, merging_equals_accumulating) {
  const feature_data parts[] = {feature_data(feature_case{{2, 21, 6, 5}, dtype::f32, layout::nchw, weighting::random, 3, 1}),
                                feature_data(feature_case{{1, 21, 8, 9}, dtype::f16, layout::nhwc, weighting::none, -2, 2}),
                                feature_data(feature_case{{3, 21, 4, 4}, dtype::f32, layout::nchw, weighting::none, 0, 3})};
  for (const named_context& backend : all_backends()) {
    moments_state at_once;
    for (const feature_data& part : parts) add(backend.ctx, part, at_once);
    moments_state first = accumulated(backend.ctx, parts[0]);
    add(backend.ctx, parts[1], first);
    merge(backend.ctx, first, accumulated(backend.ctx, parts[2]));  // one batch: to the last bit
    EXPECT_EQ(bits_of(first), bits_of(at_once)) << backend.name;
    EXPECT_EQ(first.images, 6);
    moments_state rest = accumulated(backend.ctx, parts[1]);
    add(backend.ctx, parts[2], rest);
    moments_state merged;
    merge(backend.ctx, merged, accumulated(backend.ctx, parts[0]));
    merge(backend.ctx, merged, rest);
    const moments a = moments_sync(merged);
    const moments b = moments_sync(at_once);
    EXPECT_LE(error_of(a.covariance, b.covariance, 21).worst, 1e-12) << backend.name;
    EXPECT_LE(mean_error(a, b), 1e-12) << backend.name;
    EXPECT_EQ(merged.images, 6);
  }
}

// The accumulation over batches is the moments of all images at once.
TEST(moments, batches_equal_one_pass_over_all_images) {
  const feature_data all(feature_case{{6, 11, 7, 9}, dtype::f32, layout::nchw, weighting::random, 100});
  const moments exact = two_pass<double>(all);
  for (const named_context& backend : all_backends()) {
    moments_state state;
    const placed_features placed(backend.ctx, all);
    for (std::int64_t n = 0; n < 6; n += 2) {
      feature_view two = placed.view();
      two.data = static_cast<const float*>(two.data) + n * two.image_stride;
      two.images = 2;
      pixel_weights weights = placed.weights();
      weights.data += n * weights.image_stride;
      accumulate_moments(backend.ctx, two, weights, state);
    }
    const moments got = moments_sync(state);
    EXPECT_LE(error_of(got.covariance, exact.covariance, 11).worst, backend.exact ? 1e-11 : 4 * single_epsilon) << backend.name;
    EXPECT_LE(mean_error(got, exact), backend.exact ? 1e-14 : single_epsilon) << backend.name;
  }
}

TEST(moments, images_of_no_weight_change_only_the_count) {
  const feature_data data(feature_case{{1, 5, 3, 4}});
  const feature_data nothing(feature_case{{2, 5, 3, 4}, dtype::f32, layout::nchw, weighting::all_zero});
  for (const named_context& backend : all_backends()) {
    moments_state state = accumulated(backend.ctx, nothing);
    EXPECT_EQ(moments_sync(state).covariance, std::vector<double>(15, 0.0)) << backend.name;
    add(backend.ctx, data, state);
    add(backend.ctx, nothing, state);
    EXPECT_EQ(bits_of(state), bits_of(accumulated(backend.ctx, data))) << backend.name;
    EXPECT_EQ(state.images, 5);
  }
}

TEST(moments, non_finite_features_are_named_and_change_nothing) {
  for (const named_context& backend : all_backends())
    for (const std::int64_t channels : {20, 140})
      for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        if (is_too_slow(backend, 3, channels, 9 * 31)) continue;
        feature_data data(feature_case{{3, channels, 9, 31}, dtype::f16, layout::nchw, weighting::some_zero});
        moments_state state = accumulated(backend.ctx, data);
        const std::vector<double> before = bits_of(state);
        data.map.set(1, channels - 2, 100, value);
        data.map.set(2, 0, 0, value);
        try {
          add(backend.ctx, data, state);
          if (backend.deferred) moments_sync(state);
          FAIL() << backend.name << " took " << value;
        } catch (const non_finite_error& error) {
          EXPECT_EQ(error.image_in_batch, backend.deferred ? 3 + 1 : 1) << backend.name;
          EXPECT_EQ(error.channel, channels - 2) << backend.name;
        }
        if (backend.deferred) continue;
        EXPECT_EQ(bits_of(state), before) << backend.name;
      }
}

TEST(moments, values_beyond_the_range_of_fp32_products) {
  for (const std::int64_t channels : {4, 140}) {
    feature_data data(feature_case{{3, channels, 3, 5}});
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t p = 0; p < 15; ++p) data.map.set(1, c, p, 3e25 * std::cos(static_cast<double>(3 * c + p)));
    const moments exact = two_pass<double>(data);
    for (const named_context& backend : all_backends())
      // the cpu backend takes such images in doubles; the cuda backend scales each channel, and keeps what it keeps at any size
      EXPECT_LE(error_of(moments_sync(accumulated(backend.ctx, data)).covariance, exact.covariance, channels).worst,
                backend.deferred ? 4 * single_epsilon : 1e-10)
          << backend.name;
  }
}

// The squares are 0 in fp32; what is taken from them for the rounded shift is not.
TEST(moments, variances_too_small_for_fp32_are_not_negative) {
  feature_data data(feature_case{{2, 5, 7, 9}});
  for (std::int64_t n = 0; n < 2; ++n)
    for (std::int64_t c = 0; c < 5; ++c)
      for (std::int64_t p = 0; p < 63; ++p) data.map.set(n, c, p, 1e-30 * static_cast<double>((p * (c + 2)) % 11) / 3);
  for (const named_context& backend : all_backends()) {
    const moments found = moments_sync(accumulated(backend.ctx, data));
    for (std::int64_t c = 0; c < 5; ++c)
      EXPECT_GE(found.covariance[static_cast<std::size_t>(packed_index(c, c))], 0) << backend.name << ' ' << c;
  }
}

TEST(moments, bad_use_is_refused) {
  const feature_data data(feature_case{{1, 4, 3, 5}});
  const feature_data narrow(feature_case{{1, 3, 3, 5}});
  for (const named_context& backend : all_backends()) {
    moments_state state = accumulated(backend.ctx, data);
    const std::vector<double> before = bits_of(state);
    EXPECT_THROW(add(backend.ctx, narrow, state), invalid_argument);
    EXPECT_THROW(merge(backend.ctx, state, accumulated(backend.ctx, narrow)), invalid_argument);
    std::vector<float> weights(15, 1.0F);
    weights[3] = -1;
    const placed_features placed(backend.ctx, data.map, weights, 0);
    if (backend.deferred) {
      moments_state other;
      accumulate_moments(backend.ctx, placed.view(), placed.weights(), other);
      EXPECT_THROW(moments_sync(other), invalid_argument);
    } else {
      EXPECT_THROW(accumulate_moments(backend.ctx, placed.view(), placed.weights(), state), invalid_argument);
    }
    EXPECT_EQ(bits_of(state), before);
    feature_view none = data.map.view();
    none.images = 0;
    none.space = backend.ctx.backend->space();
    accumulate_moments(backend.ctx, none, {}, state);
    EXPECT_EQ(bits_of(state), before);
  }
  EXPECT_THROW(moments_sync(moments_state{}), invalid_argument);
}

}  // namespace
}  // namespace sirfp::test
