// METHOD 1 and 4 written down once more, as loops over the values of a case.
#pragma once

#include <cmath>
#include <vector>

#include "sirfp/moments.hpp"
#include "sirfp/packed.hpp"
#include "support/feature_cases.hpp"

namespace sirfp::test {

// METHOD 1 from the values, pixel after pixel, in `Number`: double is the truth, float the naive sum that ours may not exceed twice.
template <class Number>
std::vector<double> redundancy(const feature_data& data, double epsilon = 1e-5) {
  const auto [images, channels, height, width] = data.map.shape();
  std::vector<double> sums(static_cast<std::size_t>(packed_size(channels)));
  for (std::int64_t n = 0; n < images; ++n) {
    std::vector<Number> norms;
    for (std::int64_t c = 0; c < channels; ++c) {
      Number norm = 0;
      for (std::int64_t p = 0; p < height * width; ++p)
        norm += static_cast<Number>(data.weight(n, p)) * std::abs(static_cast<Number>(data.map.at(n, c, p)));
      norms.push_back(norm + static_cast<Number>(epsilon));
    }
    for (std::int64_t i = 0; i < channels; ++i)
      for (std::int64_t j = 0; j <= i; ++j) {
        Number sum = 0;
        for (std::int64_t p = 0; p < height * width; ++p)
          sum += static_cast<Number>(data.weight(n, p)) * static_cast<Number>(data.map.at(n, i, p)) *
                 static_cast<Number>(data.map.at(n, j, p));
        sums[static_cast<std::size_t>(packed_index(i, j))] +=
            static_cast<double>(sum / norms[static_cast<std::size_t>(i)] / norms[static_cast<std::size_t>(j)]) /
            static_cast<double>(images);
      }
  }
  return sums;
}

// METHOD 4 in two passes over all images: double is the truth, float the naive sums.
template <class Number>
moments two_pass(const feature_data& data) {
  const auto [images, channels, height, width] = data.map.shape();
  const std::int64_t pixels = height * width;
  Number weight = 0;
  std::vector<Number> mean(static_cast<std::size_t>(channels));
  std::vector<Number> sums(static_cast<std::size_t>(packed_size(channels)));
  for (std::int64_t n = 0; n < images; ++n)
    for (std::int64_t p = 0; p < pixels; ++p) {
      const auto w = static_cast<Number>(data.weight(n, p));
      weight += w;
      for (std::int64_t c = 0; c < channels; ++c) mean[static_cast<std::size_t>(c)] += w * static_cast<Number>(data.map.at(n, c, p));
    }
  const Number scale = weight > 0 ? 1 / weight : 0;
  for (Number& m : mean) m *= scale;
  for (std::int64_t n = 0; n < images; ++n)
    for (std::int64_t p = 0; p < pixels; ++p)
      for (std::int64_t i = 0; i < channels; ++i)
        for (std::int64_t j = 0; j <= i; ++j)
          sums[static_cast<std::size_t>(packed_index(i, j))] +=
              static_cast<Number>(data.weight(n, p)) * (static_cast<Number>(data.map.at(n, i, p)) - mean[static_cast<std::size_t>(i)]) *
              (static_cast<Number>(data.map.at(n, j, p)) - mean[static_cast<std::size_t>(j)]);
  moments found{channels, static_cast<double>(weight), {mean.begin(), mean.end()}, {}};
  for (const Number s : sums) found.covariance.push_back(static_cast<double>(s * scale));
  return found;
}

}  // namespace sirfp::test
