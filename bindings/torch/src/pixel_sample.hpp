// A share of a map's pixels, spread evenly: neighbours say much the same, so sums over few of them serve as well.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sirfp::adapter {

// The map is cut into cells, and each gives one pixel, drawn by the image's name and the cell: the same in every batch, run and machine.
// Never fewer than `at_least` pixels an image, as far as there are.
class pixel_sample {
 public:
  // 0 < fraction <= 1. At 1 every map is left as it is.
  pixel_sample(double fraction, std::int64_t height, std::int64_t width, std::int64_t at_least);
  bool whole() const noexcept { return rows_ * columns_ == height_ * width_; }
  std::int64_t pixels() const noexcept { return rows_ * columns_; }

  // [N, C, H, W] (channels on `axis`; also [N, L, C] and [N, C]) -> [N, C, pixels()]. `names`: an image each, or as many tensor rows an
  // image as there are more of them.
  at::Tensor of(const at::Tensor& map, std::int64_t axis, const std::vector<std::string>& names) const;

 private:
  at::Tensor positions(std::uint64_t seed) const;  // [pixels()], ascending by cell
  std::int64_t height_;
  std::int64_t width_;
  std::int64_t rows_;
  std::int64_t columns_;
};

// The sample that fits a map: its height and width are what `view_of` sees.
pixel_sample sample_of(const at::Tensor& map, std::int64_t axis, double fraction);

}  // namespace sirfp::adapter
