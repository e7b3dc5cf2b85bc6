// Compare: how far are two networks' outputs apart, and how good are they against labels.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "sirfp/adapter/network.hpp"

namespace sirfp::adapter {

// max |a - b| / max |reference|, over all elements.
double relative_difference(const at::Tensor& a, const at::Tensor& b, const at::Tensor& reference);

// Share of pixels with the same argmax over the channel axis 1.
struct agreement {
  std::int64_t same = 0;
  std::int64_t pixels = 0;
  double share() const { return pixels == 0 ? 0 : static_cast<double>(same) / static_cast<double>(pixels); }
  void add(const at::Tensor& logits, const at::Tensor& reference_logits);
};

// sum (y' - y)^2 / sum (y - mean y)^2 over everything added, mean over all of it: what METHOD 6 measures sensitivities by. NaN where y does
// not vary.
class output_error {
 public:
  void add(const at::Tensor& output, const at::Tensor& reference);
  double relative() const;

 private:
  double squares_ = 0;
  double shift_ = 0;  // near the mean, so that a large one costs no digits
  double sum_ = 0;
  double sum_of_squares_ = 0;
  std::int64_t elements_ = 0;
};

// Confusion counts over labelled pixels. A prediction outside the classes (void) counts as wrong.
class segmentation_score {
 public:
  // `classes` label values 0 .. classes-1 count; `ignore` is skipped; any other label value throws invalid_argument.
  segmentation_score(std::int64_t classes, std::int64_t ignore);
  void add(const at::Tensor& logits, const at::Tensor& labels);  // [N, K, H, W], uint8 [N, H, W]
  double mean_iou() const;                                       // over classes that occur in labels or predictions
  std::vector<double> class_iou() const;                         // NaN where a class does not occur
  double pixel_accuracy() const;

 private:
  std::int64_t classes_;
  std::int64_t ignore_;
  std::vector<std::int64_t> confusion_;  // [classes x (classes + 1)], last column: predicted outside
};

// Seconds of one forward pass on `input`: minimum of `runs` after two warm-up passes, as a user of the file would run it (on a
// GPU, and for 16-bit files, operator by operator). `between` is called before each pass, outside the measured time; may throw to stop it.
double forward_seconds(const network& net, const at::Tensor& input, int runs, const std::function<void()>& between = {});

}  // namespace sirfp::adapter
