// The shared case table of the observation kernels: sizes around every tile edge, all layouts and dtypes, all kinds of weights.
#pragma once

#include <cmath>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "support/feature_map.hpp"

namespace sirfp::test {

enum class weighting : std::uint8_t { none, random, ones, equal, some_zero, all_zero, shared };

struct feature_case {
  extents shape;
  dtype type = dtype::f32;
  layout order = layout::nchw;
  weighting weights = weighting::none;
  double mean = 0;  // of every channel
  unsigned seed = 1;
  double scale = 1;  // of every value
};

inline std::ostream& operator<<(std::ostream& out, const feature_case& c) {
  constexpr std::string_view names[] = {"no weights",        "random weights", "unit weights",  "equal weights",
                                        "some zero weights", "zero weights",   "shared weights"};
  return out << "[" << c.shape.images << ", " << c.shape.channels << ", " << c.shape.height << ", " << c.shape.width << "] "
             << sirfp::name_of(c.type) << " " << name_of(c.order) << ", " << names[static_cast<int>(c.weights)] << ", mean " << c.mean
             << ", scale " << c.scale << ", seed " << c.seed;
}

// Features (channel 1 repeats channel 0, channel 2 is zero, the others are correlated noise) and weights of a case.
struct feature_data {
  explicit feature_data(const feature_case& c) : map(c.shape, c.type, c.order, values(c)) {
    const std::int64_t maps = c.weights == weighting::shared ? 1 : c.shape.images;
    if (c.weights == weighting::none) return;
    std::mt19937 random(c.seed + 1000);
    std::uniform_real_distribution<float> uniform(0.0F, 2.0F);
    for (std::int64_t k = 0; k < maps * c.shape.pixels(); ++k) {
      float w = uniform(random);
      if (c.weights == weighting::ones) w = 1;
      if (c.weights == weighting::equal) w = 0.25F;
      if (c.weights == weighting::all_zero || (c.weights == weighting::some_zero && k % 3 != 0)) w = 0;
      weight_values.push_back(w);
    }
    weight_stride = c.weights == weighting::shared ? 0 : c.shape.pixels();
  }

  pixel_weights weights() const { return {weight_values.empty() ? nullptr : weight_values.data(), weight_stride}; }
  double weight(std::int64_t n, std::int64_t p) const {
    return weight_values.empty() ? 1.0 : static_cast<double>(weight_values[static_cast<std::size_t>(n * weight_stride + p)]);
  }

  feature_map map;
  std::vector<float> weight_values;
  std::int64_t weight_stride = 0;

 private:
  static std::function<double(std::int64_t, std::int64_t, std::int64_t)> values(const feature_case& c) {
    std::mt19937 random(c.seed);
    std::normal_distribution<double> normal;
    std::vector<double> noise(static_cast<std::size_t>(c.shape.size()));
    for (double& v : noise) v = normal(random);
    const std::int64_t pixels = c.shape.pixels();
    return [=](std::int64_t n, std::int64_t k, std::int64_t p) {
      const auto of = [&](std::int64_t channel) { return noise[static_cast<std::size_t>((n * c.shape.channels + channel) * pixels + p)]; };
      if (k == 2) return 0.0;
      const std::int64_t source = k == 1 ? 0 : k;
      const double spread = std::pow(2.0, static_cast<double>(source % 5) - 2);  // channels of unequal size
      return c.mean + c.scale * spread * (of(source) + (source % 7 == 3 ? of(0) : 0.0) + 0.1 * static_cast<double>(n));
    };
  }
};

inline std::vector<feature_case> feature_cases() {
  std::vector<feature_case> cases;
  for (const std::int64_t c : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 47, 48, 49, 64, 65}) cases.push_back({{1, c, 5, 7}});
  for (const std::int64_t p : {1, 2, 7, 8, 9, 15, 16, 17, 31, 127, 128, 129, 383, 384, 385}) cases.push_back({{2, 5, 1, p}});
  for (const std::int64_t p : {1, 3, 17, 33}) cases.push_back({{1, 20, p, 1}, dtype::f16, layout::nhwc});
  for (const layout order : all_layouts)
    for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16})
      for (const extents& shape : {extents{2, 19, 6, 11}, extents{1, 3, 17, 16}}) cases.push_back({shape, type, order, weighting::random});
  for (const weighting w : {weighting::ones, weighting::equal, weighting::some_zero, weighting::all_zero, weighting::shared})
    cases.push_back({{3, 18, 9, 10}, dtype::f32, layout::nchw, w});
  // past the limits of one block, one split, one tile, one private triangle
  cases.push_back({{1, 6, 70, 130}, dtype::f32, layout::nchw, weighting::random});
  cases.push_back({{2, 4, 61, 70}, dtype::bf16, layout::nhwc});
  cases.push_back({{3, 128, 5, 9}, dtype::f32, layout::padded_rows});
  cases.push_back({{2, 129, 3, 7}, dtype::f32, layout::nchw, weighting::random});
  cases.push_back({{1, 193, 4, 4}, dtype::f16, layout::nhwc});
  cases.push_back({{1, 130, 101, 93}, dtype::f32, layout::nchw});
  for (const double mean : {1.0, 100.0, 1e4, 1e6}) cases.push_back({{2, 9, 21, 30}, dtype::f32, layout::nchw, weighting::random, mean});
  // 16-byte boundaries, without weights: 16-bit values go to tensor cores as they are
  for (const std::int64_t c : {1, 7, 17, 63, 64, 65, 129}) cases.push_back({{1, c, 5, 7}, dtype::bf16, layout::aligned});
  for (const std::int64_t p : {1, 7, 8, 9, 63, 64, 65, 1025}) cases.push_back({{2, 5, 1, p}, dtype::f16, layout::aligned});
  // sums beyond 10^17 in bf16, whose products may leave fp32; more pixels than fp32 sums are kept for
  for (const layout order : {layout::aligned, layout::nhwc})
    cases.push_back({{3, 70, 9, 11}, dtype::bf16, order, weighting::none, 0, 1, 0x1p56});
  for (const dtype type : {dtype::f16, dtype::f32}) cases.push_back({{1, 3, 1, 525'000}, type, layout::aligned});
  for (unsigned seed = 0; seed < cases.size(); ++seed) cases[seed].seed = seed + 1;
  return cases;
}

}  // namespace sirfp::test
