#include "../../bindings/torch/src/pixel_sample.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "../support/error_text.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

using adapter::pixel_sample;

// A map whose value is the pixel's number, in every channel.
at::Tensor numbered(std::int64_t images, std::int64_t channels, std::int64_t height, std::int64_t width) {
  return at::arange(height * width, at::kFloat).view({1, 1, height, width}).expand({images, channels, height, width}).contiguous();
}

std::vector<std::int64_t> chosen(const pixel_sample& sample, std::int64_t height, std::int64_t width, const std::string& name) {
  const at::Tensor picked = sample.of(numbered(1, 1, height, width), 1, {name}).to(at::kLong).contiguous();
  return {picked.const_data_ptr<std::int64_t>(), picked.const_data_ptr<std::int64_t>() + picked.numel()};
}

TEST(pixel_sample, one_pixel_of_every_cell) {
  const pixel_sample sample(20, 32, 40);
  EXPECT_EQ(sample.pixels(), 5 * 8);
  const auto pixels = chosen(sample, 20, 32, "a.png");
  std::set<std::pair<std::int64_t, std::int64_t>> cells;
  for (const std::int64_t p : pixels) cells.emplace(p / 32 / 4, p % 32 / 4);
  EXPECT_EQ(cells.size(), 40u);
}

TEST(pixel_sample, as_many_as_wanted_at_any_size) {
  for (const std::int64_t height : {1, 2, 7, 23, 90})
    for (const std::int64_t width : {1, 3, 30, 120})
      for (const std::int64_t wanted : {0, 1, 5, 19, 20, 512, 2000, 100000}) {
        const pixel_sample sample(height, width, wanted);
        const auto pixels = chosen(sample, height, width, "x");
        SCOPED_TRACE(testing::Message() << height << " x " << width << ", " << wanted);
        EXPECT_EQ(static_cast<std::int64_t>(pixels.size()), sample.pixels());
        EXPECT_GE(sample.pixels(), std::clamp<std::int64_t>(wanted, 1, height * width));
        EXPECT_LE(sample.pixels(), wanted + height + width);
        EXPECT_EQ(std::set<std::int64_t>(pixels.begin(), pixels.end()).size(), pixels.size()) << "a pixel twice";
        EXPECT_EQ(sample.whole(), sample.pixels() == height * width);
      }
}

TEST(pixel_sample, depends_on_the_image_and_on_nothing_else) {
  const pixel_sample sample(24, 24, 57);
  EXPECT_EQ(chosen(sample, 24, 24, "a"), chosen(sample, 24, 24, "a"));
  EXPECT_NE(chosen(sample, 24, 24, "a"), chosen(sample, 24, 24, "b"));
  const at::Tensor both = sample.of(numbered(2, 3, 24, 24), 1, {"a", "b"});
  ASSERT_EQ(both.sizes(), at::IntArrayRef({2, 3, sample.pixels()}));
  const at::Tensor alone = sample.of(numbered(1, 3, 24, 24), 1, {"b"});
  EXPECT_TRUE(at::equal(both.narrow(0, 1, 1), alone));
  EXPECT_TRUE(at::equal(both.select(1, 0), both.select(1, 2))) << "every channel at the same pixels";
}

// First and last pixels are drawn as often as others.
TEST(pixel_sample, every_pixel_has_its_turn) {
  const pixel_sample sample(4, 6, 6);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 200; ++i)
    for (const std::int64_t p : chosen(sample, 4, 6, std::to_string(i))) seen.insert(p);
  EXPECT_EQ(seen.size(), 24u);
}

TEST(pixel_sample, tokens_and_vectors) {
  const at::Tensor map = numbered(2, 3, 1, 50);
  const at::Tensor tokens = map.squeeze(2).transpose(1, 2).contiguous();  // [N, L, C]
  const pixel_sample sample = adapter::sample_of(tokens, 2, 0.2);
  EXPECT_TRUE(at::equal(sample.of(tokens, 2, {"a", "b"}), sample.of(map, 1, {"a", "b"})));
  const at::Tensor vectors = at::rand({2, 7});
  EXPECT_TRUE(adapter::sample_of(vectors, 1, 0.1).whole());
  EXPECT_GE(adapter::sample_of(at::rand({1, 30, 10, 10}), 1, 0.01).pixels(), 30) << "as many as channels";
}

TEST(pixel_sample, refuses_a_share_of_nothing) {
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { adapter::sample_of(at::rand({1, 1, 4, 4}), 1, 0); }), "share of the pixels 0");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { adapter::sample_of(at::rand({1, 1, 4, 4}), 1, 1.5); }), "share of the pixels 1.5");
}

}  // namespace
}  // namespace sirfp::test
