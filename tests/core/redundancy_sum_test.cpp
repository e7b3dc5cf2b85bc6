#include "sirfp/redundancy_sum.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "support/backends.hpp"
#include "support/error_text.hpp"

namespace sirfp {
namespace {

using test::error_text;
constexpr redundancy_scale scales[] = {redundancy_scale::reference, redundancy_scale::resolution_neutral, redundancy_scale::cosine};

struct layer {
  std::int64_t channels = 0;
  std::vector<double> sums;  // packed, of 3 images; channel 1 is zero everywhere

  similarity_state on(const context& ctx, accumulation mode = accumulation::mean) const {
    return {channels, 3, mode, buffer::from_host(ctx.memory, sums)};
  }
  double mean(std::int64_t p, std::int64_t q, double images) const {
    return std::fabs(sums[static_cast<std::size_t>(packed_index(p, q))] / images);
  }
};

layer random_layer(std::int64_t channels, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  layer made{channels, {}};
  for (std::int64_t i = 0; i < channels; ++i)
    for (std::int64_t j = 0; j <= i; ++j)
      made.sums.push_back(i == 1 || j == 1 ? 0 : (i == j ? 2 + std::fabs(normal(random)) : normal(random)));
  return made;
}

// Every row up to 3 channels of the layer, some none, some channels in no row.
row_positions random_rows(std::int64_t rows, std::int64_t channels, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<std::int32_t>> by_row(static_cast<std::size_t>(rows));
  for (std::int32_t c = 0; c < channels; ++c)
    if (auto& row = by_row[random() % static_cast<std::size_t>(rows)]; row.size() < 3) row.push_back(c);
  row_positions made{{0}, {}};
  for (const auto& row : by_row) {
    made.channels.insert(made.channels.end(), row.begin(), row.end());
    made.begin.push_back(static_cast<std::int32_t>(made.channels.size()));
  }
  return made;
}

std::vector<double> summed(const context& ctx, const similarity_state& state, const row_positions& rows, redundancy_scale scale,
                           const std::vector<double>& before) {
  buffer square = buffer::from_host(ctx.memory, before);
  add_redundancy_sync(ctx, state, rows, scale, 20, square);
  return square.to_host_sync();
}

TEST(redundancy_sum, by_definition_and_the_same_bits_on_every_backend) {
  for (const std::int64_t channels : {1, 2, 33, 70})
    for (const redundancy_scale scale : scales)
      for (const accumulation mode : {accumulation::mean, accumulation::ema}) {
        const layer a = random_layer(channels, static_cast<unsigned>(channels));
        const std::int64_t n = channels / 2 + 1;
        const row_positions rows = random_rows(n, channels, 5);
        std::vector<double> expected;
        const double images = mode == accumulation::ema ? 1 : 3;
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
          for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) {
            double sum = 0.25;
            for (auto p = rows.begin[i]; p < rows.begin[i + 1]; ++p)
              for (auto q = rows.begin[j]; q < rows.begin[j + 1]; ++q) {
                const auto cp = rows.channels[static_cast<std::size_t>(p)], cq = rows.channels[static_cast<std::size_t>(q)];
                double value = a.mean(cp, cq, images);
                if (scale == redundancy_scale::resolution_neutral) value *= 20;
                if (scale == redundancy_scale::cosine)
                  value = cp == 1 || cq == 1 ? 0 : value / std::sqrt(a.mean(cp, cp, images) * a.mean(cq, cq, images));
                sum += value;
              }
            expected.push_back(sum);
          }
        std::vector<double> first;
        for (const test::named_context& each : test::one_of_each_kind()) {
          const std::vector<double> found =
              summed(each.ctx, a.on(each.ctx, mode), rows, scale, std::vector<double>(static_cast<std::size_t>(n * n), 0.25));
          ASSERT_EQ(found.size(), expected.size());
          for (std::size_t k = 0; k < found.size(); ++k) ASSERT_NEAR(found[k], expected[k], 1e-13 * expected[k]) << each.name << ' ' << k;
          if (first.empty()) first = found;
          EXPECT_EQ(found, first) << each.name << ", " << channels << " channels, scale " << static_cast<int>(scale);
        }
      }
}

TEST(redundancy_sum, refuses) {
  const layer a = random_layer(4, 1);
  for (const test::named_context& each : test::one_of_each_kind()) {
    SCOPED_TRACE(each.name);
    const similarity_state state = a.on(each.ctx);
    const auto said = [&](const similarity_state& of, const row_positions& rows, std::int64_t entries, std::int64_t pixels = 1) {
      buffer square(each.ctx.memory, entries);
      return error_text<invalid_argument>([&] { add_redundancy_sync(each.ctx, of, rows, redundancy_scale::reference, pixels, square); });
    };
    SIRFP_EXPECT_HAS(said({}, {{0}, {}}, 0), "without images");
    SIRFP_EXPECT_HAS(said(state, {{0, 1}, {4}}, 1), "position 4 of a layer of 4 channels");
    SIRFP_EXPECT_HAS(said(state, {{0, 1}, {-1}}, 1), "position -1 of");
    SIRFP_EXPECT_HAS(said(state, {{0, 1, 2}, {0, 1}}, 3), "redundancy of 2 rows in 3 values");
    SIRFP_EXPECT_HAS(said(state, {{0, 2, 1}, {0, 1}}, 4), "expected where each begins");
    SIRFP_EXPECT_HAS(said(state, {{1, 2}, {0, 1}}, 1), "expected where each begins");
    SIRFP_EXPECT_HAS(said(state, {{0, 1}, {0}}, 1, 0), "map of 0 pixels");
  }
}

}  // namespace
}  // namespace sirfp
