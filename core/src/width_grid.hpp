// The widths that a group may take: from its floor in steps of its multiple, and all of its channels.
#pragma once

#include <cstdint>
#include <vector>

#include "sirfp/allocation.hpp"

namespace sirfp {

class width_grid {
 public:
  // The multiple is options.round_to for at least 64 channels, 1 elsewhere, and always one of `blocks`. The floor is
  // max(1, options.floor * channels), rounded up to the multiple; never above `channels`.
  width_grid(std::int64_t channels, std::int64_t blocks, const allocation_options& options);

  const std::vector<std::int64_t>& widths() const noexcept { return widths_; }  // ascending; the last is `channels`
  std::int64_t least() const noexcept { return widths_.front(); }
  std::int64_t nearest(double width) const noexcept;         // of two equally near the larger
  std::int64_t at_least(std::int64_t width) const noexcept;  // the first that is not below
  // ratios()[i] is where nearest(ratio * channels) steps from widths()[i] to widths()[i + 1].
  const std::vector<double>& ratios() const noexcept { return ratios_; }
  std::int64_t at_ratio(double ratio) const noexcept;

 private:
  std::int64_t channels_;
  std::vector<std::int64_t> widths_;
  std::vector<double> ratios_;
};

}  // namespace sirfp
