#include "width_grid.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sirfp {

width_grid::width_grid(std::int64_t channels, std::int64_t blocks, const allocation_options& options) : channels_(channels) {
  constexpr std::int64_t rounded_from = 64;  // METHOD 6: narrower groups are not rounded
  const std::int64_t step = channels >= rounded_from ? std::lcm(static_cast<std::int64_t>(options.round_to), blocks) : blocks;
  const double share = options.floor * static_cast<double>(channels);
  const auto least = std::max(std::int64_t{1}, static_cast<std::int64_t>(std::ceil(share - 1e-9)));  // 0.07 * 100 is 7, not 8
  for (std::int64_t width = (least + step - 1) / step * step; width < channels; width += step) widths_.push_back(width);
  widths_.push_back(channels);
  for (std::size_t i = 0; i + 1 < widths_.size(); ++i)
    ratios_.push_back(static_cast<double>(widths_[i] + widths_[i + 1]) / static_cast<double>(2 * channels));
}

std::int64_t width_grid::nearest(double width) const noexcept {
  const auto above = std::lower_bound(widths_.begin(), widths_.end(), width,
                                      [](std::int64_t w, double wanted) { return static_cast<double>(w) < wanted; });
  if (above == widths_.begin()) return widths_.front();
  if (above == widths_.end()) return widths_.back();
  return static_cast<double>(*above) - width <= width - static_cast<double>(*(above - 1)) ? *above : *(above - 1);
}

std::int64_t width_grid::at_least(std::int64_t width) const noexcept {
  const auto above = std::lower_bound(widths_.begin(), widths_.end(), width);
  return above == widths_.end() ? widths_.back() : *above;
}

std::int64_t width_grid::at_ratio(double ratio) const noexcept {
  const auto steps = std::upper_bound(ratios_.begin(), ratios_.end(), ratio) - ratios_.begin();
  return widths_[static_cast<std::size_t>(steps)];
}

}  // namespace sirfp
