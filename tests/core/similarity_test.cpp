#include "sirfp/similarity.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "support/backends.hpp"
#include "support/error_text.hpp"
#include "support/feature_cases.hpp"
#include "support/packed_error.hpp"
#include "support/placed_features.hpp"
#include "support/plain_sums.hpp"

namespace sirfp::test {
namespace {

constexpr double single_epsilon = std::numeric_limits<float>::epsilon();

void add(const context& ctx, const feature_data& data, similarity_state& state, const similarity_options& options = {}) {
  const placed_features placed(ctx, data);
  accumulate_similarity(ctx, placed.view(), placed.weights(), options, state);
}

similarity_state accumulated(const context& ctx, const feature_data& data, const similarity_options& options = {}) {
  similarity_state state;
  add(ctx, data, state, options);
  return state;
}

std::vector<double> values(const similarity_state& state) { return state.matrix.to_host_sync(); }

TEST(similarity, every_case_on_every_backend) {
  for (const feature_case& c : feature_cases()) {
    const feature_data data(c);
    const std::vector<double> exact = redundancy<double>(data);
    const double naive = error_of(redundancy<float>(data), exact, c.shape.channels).worst;
    for (const named_context& backend : all_backends()) {
      if (is_too_slow(backend, c.shape.images, c.shape.channels, c.shape.pixels())) continue;
      const similarity_state state = accumulated(backend.ctx, data);
      EXPECT_EQ(state.images, c.shape.images);
      const packed_error error = error_of(mean_redundancy_sync(state), exact, c.shape.channels);
      const double allowed = backend.exact ? 1e-13 : 2 * naive + 4 * single_epsilon;
      EXPECT_LE(error.worst, allowed) << backend.name << ": " << c << ": R(" << error.row << ", " << error.column << "), naive " << naive;
    }
  }
}

TEST(similarity, known_values) {
  // two pixels: x_0 = (1, -3), x_1 = (2, 2), w = (1, 0.5): n_0 = 2.5, n_1 = 3, x_0.x_1 = 2 - 3
  feature_map map({1, 2, 1, 2}, dtype::f32, layout::nchw,
                  [](auto, std::int64_t c, std::int64_t p) { return c == 0 ? (p == 0 ? 1.0 : -3.0) : 2.0; });
  for (const named_context& backend : all_backends()) {
    similarity_state state;
    const placed_features placed(backend.ctx, map, {1, 0.5F}, 0);
    accumulate_similarity(backend.ctx, placed.view(), placed.weights(), {.epsilon = 1e-12}, state);
    const std::vector<double> r = mean_redundancy_sync(state);
    EXPECT_NEAR(r[0], 5.5 / 6.25, 1e-6) << backend.name;
    EXPECT_NEAR(r[1], -1.0 / 7.5, 1e-6) << backend.name;
    EXPECT_NEAR(r[2], 6.0 / 9.0, 1e-6) << backend.name;
  }
}

TEST(similarity, zero_channels_and_duplicates) {
  const feature_data data(feature_case{{2, 20, 7, 9}});
  for (const named_context& backend : all_backends()) {
    const std::vector<double> r = mean_redundancy_sync(accumulated(backend.ctx, data));
    for (std::int64_t j = 0; j < 20; ++j) {
      EXPECT_EQ(r[static_cast<std::size_t>(packed_index(2, j))], 0.0) << backend.name << " zero channel, column " << j;
      const double twins[] = {r[static_cast<std::size_t>(packed_index(0, j))], r[static_cast<std::size_t>(packed_index(1, j))]};
      EXPECT_NEAR(twins[0], twins[1], 1e-9) << backend.name << " column " << j;
    }
  }
}

TEST(similarity, permuted_channels_permute_the_matrix) {
  const extents shape{1, 150, 6, 8};  // crosses tiles and panels
  const feature_data data(feature_case{shape});
  std::vector<std::int64_t> order(150);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(7));
  const feature_map permuted(shape, dtype::f32, layout::nchw,
                             [&](auto n, auto c, auto p) { return data.map.at(n, order[static_cast<std::size_t>(c)], p); });
  for (const named_context& backend : all_backends()) {
    const std::vector<double> r = mean_redundancy_sync(accumulated(backend.ctx, data));
    similarity_state state;
    accumulate_similarity(backend.ctx, placed_features(backend.ctx, permuted).view(), {}, {}, state);
    const std::vector<double> s = mean_redundancy_sync(state);
    for (std::int64_t i = 0; i < 150; ++i)
      for (std::int64_t j = 0; j <= i; ++j) {
        const double want =
            r[static_cast<std::size_t>(packed_index(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]))];
        ASSERT_NEAR(s[static_cast<std::size_t>(packed_index(i, j))], want, 1e-13 + 1e-9 * std::abs(want))
            << backend.name << " " << i << " " << j;
      }
  }
}

TEST(similarity, same_bits_for_any_number_of_threads) {
  const feature_case cases[] = {
      {{3, 40, 37, 61}, dtype::f32, layout::nchw, weighting::random}, {{2, 200, 23, 31}}, {{5, 17, 2, 2}}, {{1, 130, 101, 93}}};
  for (const simd_level level : simd_levels())
    for (const feature_case& c : cases) {
      const feature_data data(c);
      const std::vector<double> one = values(accumulated(cpu_at(level, 1).ctx, data));
      for (const int threads : {2, 3, 5}) {
        const named_context backend = cpu_at(level, threads);
        EXPECT_EQ(values(accumulated(backend.ctx, data)), one) << backend.name << ": " << c;
      }
    }
}

TEST(similarity, merging_equals_accumulating) {
  const feature_data parts[] = {feature_data(feature_case{{2, 21, 6, 5}, dtype::f32, layout::nchw, weighting::random, 0, 1}),
                                feature_data(feature_case{{1, 21, 8, 9}, dtype::f16, layout::nhwc, weighting::none, 0, 2}),
                                feature_data(feature_case{{3, 21, 4, 4}, dtype::f32, layout::nchw, weighting::none, 0, 3})};
  for (const named_context& backend : all_backends()) {
    similarity_state at_once;
    for (const feature_data& part : parts) add(backend.ctx, part, at_once);
    similarity_state first = accumulated(backend.ctx, parts[0]);
    add(backend.ctx, parts[1], first);
    merge(backend.ctx, first, accumulated(backend.ctx, parts[2]));  // one batch: to the last bit
    EXPECT_EQ(values(first), values(at_once)) << backend.name;
    EXPECT_EQ(first.images, 6);
    similarity_state rest = accumulated(backend.ctx, parts[1]);
    add(backend.ctx, parts[2], rest);
    similarity_state merged;
    merge(backend.ctx, merged, accumulated(backend.ctx, parts[0]));
    merge(backend.ctx, merged, rest);
    EXPECT_LE(error_of(values(merged), values(at_once), 21).worst, 1e-12) << backend.name;
  }
}

TEST(similarity, moving_average) {
  const feature_data first(feature_case{{2, 6, 5, 5}, dtype::f32, layout::nchw, weighting::none, 0, 11});
  const feature_data second(feature_case{{3, 6, 5, 5}, dtype::f32, layout::nchw, weighting::none, 0, 12});
  const similarity_options options{.mode = accumulation::ema, .ema_rate = 0.9};
  for (const named_context& backend : all_backends()) {
    similarity_state state = accumulated(backend.ctx, first, options);
    add(backend.ctx, second, state, options);
    EXPECT_EQ(state.images, 5);
    const std::vector<double> a = redundancy<double>(first);
    const std::vector<double> b = redundancy<double>(second);
    const std::vector<double> got = mean_redundancy_sync(state);
    for (std::size_t k = 0; k < got.size(); ++k)
      EXPECT_NEAR(got[k], 0.9 * 0.1 * a[k] + 0.1 * b[k], 1e-7 * (std::abs(a[k]) + std::abs(b[k])) + 1e-12) << backend.name;
    similarity_state other = accumulated(backend.ctx, first, options);
    EXPECT_THROW(merge(backend.ctx, state, other), invalid_argument);
    EXPECT_THROW(add(backend.ctx, first, state), invalid_argument) << "mean into EMA";
  }
}

TEST(similarity, non_finite_features_are_named_and_change_nothing) {
  const double bad[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                        -std::numeric_limits<double>::infinity()};
  for (const named_context& backend : all_backends())
    for (const std::int64_t channels : {20, 140})
      for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16})
        for (const double value : bad) {
          if (is_too_slow(backend, 3, channels, 9 * 31)) continue;
          feature_data data(feature_case{{3, channels, 9, 31}, type, layout::nchw, weighting::some_zero});
          similarity_state state = accumulated(backend.ctx, data);
          const std::vector<double> before = values(state);
          data.map.set(1, channels - 2, 100, value);
          data.map.set(1, channels - 1, 0, value);
          data.map.set(2, 0, 0, value);
          try {
            add(backend.ctx, data, state);
            if (backend.deferred) mean_redundancy_sync(state);
            FAIL() << backend.name << " took " << value;
          } catch (const non_finite_error& error) {
            EXPECT_EQ(error.image_in_batch, backend.deferred ? 3 + 1 : 1) << backend.name;
            EXPECT_EQ(error.channel, channels - 2) << backend.name;
          }
          if (backend.deferred) continue;
          EXPECT_EQ(values(state), before) << backend.name;
          EXPECT_EQ(state.images, 3);
        }
}

TEST(similarity, values_beyond_the_range_of_fp32_products) {
  for (const std::int64_t channels : {4, 140}) {
    const feature_map map({2, channels, 3, 5}, dtype::f32, layout::nchw,
                          [](auto n, auto c, auto p) { return (n == 1 ? 3e25 : 1.0) * std::cos(static_cast<double>(3 * c + p)); });
    similarity_state exact;
    accumulate_similarity(reference_context(), map.view(), {}, {}, exact);
    for (const named_context& backend : all_backends()) {
      similarity_state state;
      accumulate_similarity(backend.ctx, placed_features(backend.ctx, map).view(), {}, {}, state);
      EXPECT_LE(error_of(values(state), values(exact), channels).worst, 4 * single_epsilon) << backend.name;
    }
  }
}

TEST(similarity, bad_use_is_refused_and_changes_nothing) {
  const feature_data data(feature_case{{1, 4, 3, 5}});
  for (const named_context& backend : all_backends()) {
    const placed_features placed(backend.ctx, data);
    const feature_view good = placed.view();
    const bool on_host = backend.ctx.backend->space() == memory_space::host;
    similarity_state state = accumulated(backend.ctx, data);
    const std::vector<double> before = values(state);
    const auto refused = [&](const feature_view& view, const pixel_weights& weights, const similarity_options& options,
                             const std::string& words) {
      try {
        accumulate_similarity(backend.ctx, view, weights, options, state);
        ADD_FAILURE() << backend.name << " took what should say: " << words;
      } catch (const invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
      }
    };
    const auto changed = [&](auto change) {
      feature_view view = good;
      change(view);
      return view;
    };
    refused(changed([](feature_view& v) { v.channels = 3; }), {}, {}, "state of 4 channels, but 3");
    refused(changed([](feature_view& v) { v.channels = 0; }), {}, {}, "[1, 0, 3, 5]");
    refused(changed([](feature_view& v) { v.height = 0; }), {}, {}, "[1, 4, 0, 5]");
    refused(changed([](feature_view& v) { v.images = -1; }), {}, {}, "[-1, 4, 3, 5]");
    refused(changed([](feature_view& v) { v.data = nullptr; }), {}, {}, "without data");
    refused(changed([](feature_view& v) { v.data = static_cast<const std::byte*>(v.data) + 2; }), {}, {}, "expected a multiple of 4");
    const auto* const crooked = reinterpret_cast<const float*>(static_cast<const std::byte*>(good.data) + 1);
    refused(good, {crooked, 15}, {}, "pixel weights at address");
    refused(good, {static_cast<const float*>(good.data), -15}, {}, "image stride -15");
    refused(changed([=](feature_view& v) { v.space = on_host ? memory_space::cuda : memory_space::host; }), {}, {},
            on_host ? "in cuda memory, but the backend reads host" : "in host memory, but the backend reads cuda");
    refused(changed([](feature_view& v) { v.row_stride = std::numeric_limits<std::int64_t>::max() / 2; }), {}, {}, "64-bit");
    refused(good, {}, {.epsilon = 0}, "epsilon 0");
    refused(good, {}, {.epsilon = std::nan("")}, "epsilon");
    refused(good, {}, {.mode = accumulation::ema, .ema_rate = 1}, "EMA rate 1");
    refused(good, {}, {.mode = accumulation::ema}, "mean mode");
    EXPECT_EQ(values(state), before);
    if (!on_host) continue;  // weights_on_a_device_are_judged_there
    std::vector<float> weights(15, 1.0F);
    weights[7] = -0.5F;
    refused(good, {weights.data(), 15}, {}, "pixel weight -0.5 at image 0, row 1, column 2");
    weights[7] = std::numeric_limits<float>::infinity();
    refused(good, {weights.data(), 0}, {}, "pixel weight inf at image 0, row 1, column 2");
    weights[7] = std::nanf("");
    refused(good, {weights.data(), 0}, {}, "nan at image 0");
    EXPECT_EQ(values(state), before);
    EXPECT_EQ(state.images, 1);
  }
}

TEST(similarity, weights_on_a_device_are_judged_there) {
  const feature_data data(feature_case{{2, 4, 3, 5}});
  for (const named_context& backend : all_backends()) {
    if (!backend.deferred) continue;
    for (const float bad : {-0.5F, std::numeric_limits<float>::infinity(), std::nanf("")}) {
      std::vector<float> weights(30, 1.0F);
      weights[22] = bad;
      weights[28] = bad;
      similarity_state state = accumulated(backend.ctx, data);
      const placed_features placed(backend.ctx, data.map, weights, 15);
      accumulate_similarity(backend.ctx, placed.view(), placed.weights(), {}, state);
      SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { mean_redundancy_sync(state); }),
                       "pixel weight at image 3, pixel 7, expected a finite value that is not negative");
    }
  }
}

TEST(similarity, no_images_is_no_work) {
  const feature_data data(feature_case{{1, 4, 3, 5}});
  feature_view none = data.map.view();
  none.images = 0;
  for (const named_context& backend : all_backends()) {
    similarity_state state;
    none.space = backend.ctx.backend->space();
    accumulate_similarity(backend.ctx, none, {}, {}, state);
    EXPECT_EQ(state.channels, 0);
    EXPECT_THROW(mean_redundancy_sync(state), invalid_argument);
    merge(backend.ctx, state, similarity_state{});
    EXPECT_EQ(state.images, 0);
  }
}

}  // namespace
}  // namespace sirfp::test
