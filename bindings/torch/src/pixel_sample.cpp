#include "pixel_sample.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "sirfp/adapter/observe.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

// FNV-1a, and splitmix64 to spread it: both the same everywhere, unlike std::hash.
std::uint64_t hash_of(const std::string& name) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

std::uint64_t spread(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

std::int64_t cells(double side, double share) {
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(side * share)), 1, static_cast<std::int64_t>(side));
}

// A pixel of the i-th of `count` equal parts of an axis.
std::int64_t drawn(std::int64_t extent, std::int64_t count, std::int64_t i, std::uint64_t random) {
  const std::int64_t first = i * extent / count;
  return first + static_cast<std::int64_t>(random % static_cast<std::uint64_t>((i + 1) * extent / count - first));
}

}  // namespace

pixel_sample::pixel_sample(std::int64_t height, std::int64_t width, std::int64_t wanted)
    : height_(height), width_(width), rows_(height), columns_(width) {
  if (wanted >= height * width) return;
  const double share = static_cast<double>(std::max<std::int64_t>(wanted, 1)) / static_cast<double>(height * width);
  rows_ = cells(static_cast<double>(height), std::sqrt(share));
  columns_ = cells(static_cast<double>(width), share * static_cast<double>(height) / static_cast<double>(rows_));
}

at::Tensor pixel_sample::positions(std::uint64_t seed) const {
  at::Tensor chosen = at::empty({pixels()}, at::kLong);
  auto* next = chosen.mutable_data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < rows_; ++row)
    for (std::int64_t column = 0; column < columns_; ++column) {
      const std::uint64_t random = spread(spread(seed) + static_cast<std::uint64_t>(row * columns_ + column));
      *next++ = drawn(height_, rows_, row, random >> 32U) * width_ + drawn(width_, columns_, column, random & 0xffffffffU);
    }
  return chosen;
}

at::Tensor pixel_sample::of(const at::Tensor& map, std::int64_t axis, const std::vector<std::string>& names) const {
  const at::Tensor flat = map.movedim(axis, 1).reshape({map.size(0), map.size(axis), height_ * width_});
  if (whole()) return flat;
  const auto per_image = std::max<std::int64_t>(1, flat.size(0) / std::max<std::int64_t>(1, static_cast<std::int64_t>(names.size())));
  std::vector<at::Tensor> images;
  for (std::int64_t n = 0; n < flat.size(0); ++n) {
    const auto image = std::min<std::int64_t>(n / per_image, static_cast<std::int64_t>(names.size()) - 1);
    const std::uint64_t seed = hash_of(names.at(static_cast<std::size_t>(image))) + static_cast<std::uint64_t>(n % per_image);
    images.push_back(flat.select(0, n).index_select(1, sent_to(flat.device(), positions(seed))));
  }
  return images.size() == 1 ? images.front().unsqueeze(0) : at::stack(images);
}

pixel_sample sample_of(const at::Tensor& map, std::int64_t axis, double fraction) {
  SIRFP_EXPECTS(fraction > 0 && fraction <= 1, "share of the pixels ", fraction, ", expected above 0 and at most 1");
  const feature_view view = view_of(map, axis);
  const auto share = static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(view.pixels())));
  return {view.height, view.width, std::max(share, view.channels)};
}

}  // namespace sirfp::adapter
