// A share of a map's pixels, spread evenly: neighbours say much the same, so sums over few of them serve as well.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sirfp::adapter {

// The map is cut into cells, and each gives one pixel, drawn by a seed (the image's name) and the cell: the same in every batch, run and
// machine.
class pixel_sample {
 public:
  // Of a map of that size, at least `wanted` pixels, and few more; all of them where there are no more.
  pixel_sample(std::int64_t height, std::int64_t width, std::int64_t wanted);
  bool whole() const noexcept { return rows_ * columns_ == height_ * width_; }
  std::int64_t pixels() const noexcept { return rows_ * columns_; }

  // [N, C, H, W] (channels on `axis`; also [N, L, C] and [N, C]) -> [N, C, pixels()]. `names`: an image each, or as many tensor rows an
  // image as there are more of them.
  at::Tensor of(const at::Tensor& map, std::int64_t axis, const std::vector<std::string>& names) const;
  // The pixels (row * width + column) that are drawn for a seed, ascending by cell: [pixels()].
  at::Tensor positions(std::uint64_t seed) const;

 private:
  std::int64_t height_;
  std::int64_t width_;
  std::int64_t rows_;
  std::int64_t columns_;
};

// A share of a map's pixels, 0 < fraction <= 1, and never fewer than it has channels. Height and width are what `view_of` sees.
pixel_sample sample_of(const at::Tensor& map, std::int64_t axis, double fraction);

}  // namespace sirfp::adapter
