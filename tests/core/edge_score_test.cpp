#include "sirfp/edge_score.hpp"

#include <gtest/gtest.h>

#include "sirfp/expects.hpp"
#include "support/backends.hpp"
#include "support/feature_cases.hpp"
#include "support/placed_features.hpp"

namespace sirfp::test {
namespace {

// METHOD 2 from the values, with the kernels written out: double is the truth, float the naive computation.
template <class Number>
std::vector<double> edge_scores(const feature_data& data) {
  constexpr double kernel[3][3] = {{-0.5, 0, 0.5}, {-1, 0, 1}, {-0.5, 0, 0.5}};
  const auto [images, channels, height, width] = data.map.shape();
  std::vector<double> scores(static_cast<std::size_t>(channels));
  for (std::int64_t n = 0; n < images; ++n)
    for (std::int64_t c = 0; c < channels; ++c) {
      std::vector<Number> v;
      Number mean = 0;
      for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
          Number gx = 0;
          Number gy = 0;
          for (int a = -1; a <= 1; ++a)
            for (int b = -1; b <= 1; ++b) {
              if (y + a < 0 || y + a >= height || x + b < 0 || x + b >= width) continue;
              const auto value = static_cast<Number>(data.map.at(n, c, (y + a) * width + x + b));
              gx += static_cast<Number>(kernel[a + 1][b + 1]) * value;
              gy += static_cast<Number>(kernel[b + 1][a + 1]) * value;
            }
          v.push_back(std::sqrt(gx * gx + gy * gy));
          mean += v.back();
        }
      mean /= static_cast<Number>(height * width);
      Number squares = 0;
      for (const Number each : v) squares += (each - mean) * (each - mean);
      scores[static_cast<std::size_t>(c)] +=
          static_cast<double>(std::sqrt(squares / static_cast<Number>(height * width))) / static_cast<double>(images);
    }
  return scores;
}

edge_state accumulated(const context& ctx, const feature_data& data) {
  edge_state state;
  accumulate_edge_score(ctx, placed_features(ctx, data).view(), state);
  return state;
}

// Relative to the size of v, which is of the order of the values: v itself is rounded to fp32.
double error_of(const std::vector<double>& got, const std::vector<double>& exact, const feature_data& data) {
  double worst = 0;
  const auto [images, channels, height, width] = data.map.shape();
  for (std::int64_t c = 0; c < channels; ++c) {
    double size = std::numeric_limits<double>::min();
    for (std::int64_t n = 0; n < images; ++n)
      for (std::int64_t p = 0; p < height * width; ++p) size = std::max(size, std::abs(data.map.at(n, c, p)));
    const double error = std::abs(got[static_cast<std::size_t>(c)] - exact[static_cast<std::size_t>(c)]) / size;
    worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(worst, error);
  }
  return worst;
}

TEST(edge_score, every_case_on_every_backend) {
  for (const feature_case& c : feature_cases()) {
    const feature_data data(c);
    const std::vector<double> exact = edge_scores<double>(data);
    const double naive = error_of(edge_scores<float>(data), exact, data);
    for (const named_context& backend : all_backends()) {
      const edge_state state = accumulated(backend.ctx, data);
      EXPECT_EQ(state.images, c.shape.images);
      const double error = error_of(edge_score_sync(state), exact, data);
      EXPECT_LE(error, backend.exact ? 1e-12 : 2 * naive + 4 * static_cast<double>(std::numeric_limits<float>::epsilon()))
          << backend.name << ": " << c << ", naive " << naive;
    }
  }
}

TEST(edge_score, a_constant_magnitude_has_no_spread) {
  // a constant 2 x 2 map has |gradient| = 1.5 sqrt(2) a in every corner, a 1 x 2 map a at both ends, a lone pixel none
  for (const auto& [height, width] : {std::pair{2, 2}, std::pair{1, 2}, std::pair{2, 1}, std::pair{1, 1}})
    for (const double a : {1.0, 12345.678, 3e25, 1e-30}) {
      feature_data data(feature_case{{2, 5, height, width}});
      for (std::int64_t n = 0; n < 2; ++n)
        for (std::int64_t c = 0; c < 5; ++c)
          for (std::int64_t p = 0; p < height * width; ++p) data.map.set(n, c, p, a);
      for (const named_context& backend : all_backends())
        for (const double score : edge_score_sync(accumulated(backend.ctx, data)))
          EXPECT_LE(score, 1e-7 * a) << backend.name << " " << height << " x " << width << " of " << a;
    }
}

TEST(edge_score, a_ramp_of_known_score) {
  // x = column, one row: v = 1 (0 minus the right neighbour's 1), 2 inside, width - 2 at the right end
  constexpr std::int64_t width = 40;
  const feature_map map({1, 1, 1, width}, dtype::f32, layout::nchw, [](auto, auto, std::int64_t p) { return static_cast<double>(p); });
  double mean = (1 + 2.0 * (width - 2) + (width - 2)) / width;
  // gy of a single row is 0 + 0, so v = |gx| with gx = x(+1) - x(-1)
  double squares = (1 - mean) * (1 - mean) + (width - 2) * (2 - mean) * (2 - mean) + (width - 2 - mean) * (width - 2 - mean);
  for (const named_context& backend : all_backends()) {
    edge_state state;
    accumulate_edge_score(backend.ctx, placed_features(backend.ctx, map).view(), state);
    EXPECT_NEAR(edge_score_sync(state)[0], std::sqrt(squares / width), 1e-5) << backend.name;
  }
}

TEST(edge_score, same_bits_for_any_number_of_threads_and_after_merging) {
  const feature_data data(feature_case{{3, 70, 21, 19}});
  const feature_data more(feature_case{{2, 70, 5, 6}, dtype::bf16, layout::nhwc});
  for (const simd_level level : simd_levels()) {
    edge_state one = accumulated(cpu_at(level, 1).ctx, data);
    for (const int threads : {2, 3, 5}) EXPECT_EQ(accumulated(cpu_at(level, threads).ctx, data).sum.to_host_sync(), one.sum.to_host_sync());
    const context ctx = cpu_at(level, 2).ctx;
    edge_state at_once = accumulated(ctx, data);
    accumulate_edge_score(ctx, more.map.view(), at_once);
    merge(ctx, one, accumulated(ctx, more));
    EXPECT_EQ(one.sum.to_host_sync(), at_once.sum.to_host_sync());
    EXPECT_EQ(one.images, 5);
  }
}

TEST(edge_score, non_finite_features_are_named_and_change_nothing) {
  for (const named_context& backend : all_backends())
    for (const auto& shape : {extents{3, 20, 9, 31}, extents{3, 20, 1, 1}})
      for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        feature_data data(feature_case{shape});
        edge_state state = accumulated(backend.ctx, data);
        const std::vector<double> before = state.sum.to_host_sync();
        data.map.set(1, 18, shape.pixels() / 2, value);
        data.map.set(2, 0, 0, value);
        try {
          accumulate_edge_score(backend.ctx, placed_features(backend.ctx, data).view(), state);
          if (backend.deferred) edge_score_sync(state);
          FAIL() << backend.name << " took " << value;
        } catch (const non_finite_error& error) {
          EXPECT_EQ(error.image_in_batch, backend.deferred ? 3 + 1 : 1) << backend.name;
          EXPECT_EQ(error.channel, 18) << backend.name;
        }
        if (backend.deferred) continue;
        EXPECT_EQ(state.sum.to_host_sync(), before) << backend.name;
        EXPECT_EQ(state.images, 3);
      }
}

TEST(edge_score, bad_use_is_refused) {
  const feature_data data(feature_case{{1, 4, 3, 5}});
  const feature_data narrow(feature_case{{1, 3, 3, 5}});
  for (const named_context& backend : all_backends()) {
    edge_state state = accumulated(backend.ctx, data);
    EXPECT_THROW(accumulate_edge_score(backend.ctx, placed_features(backend.ctx, narrow).view(), state), invalid_argument);
    EXPECT_THROW(merge(backend.ctx, state, accumulated(backend.ctx, narrow)), invalid_argument);
    EXPECT_EQ(state.images, 1);
  }
  EXPECT_THROW(edge_score_sync(edge_state{}), invalid_argument);
}

}  // namespace
}  // namespace sirfp::test
