// One pass over images: how two networks' predictions compare, with each other and with labels.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "images.hpp"
#include "labels.hpp"
#include "progress.hpp"
#include "sirfp/adapter/compare.hpp"
#include "sirfp/adapter/network.hpp"

namespace sirfp::cli {

struct accuracy {
  double mean_iou = 0;
  double pixel_accuracy = 0;
  std::vector<double> class_iou;  // NaN where a class does not occur
};

struct scores {
  adapter::agreement pixels;
  adapter::output_error error;
  std::int64_t images = 0;
  std::optional<accuracy> before;
  std::optional<accuracy> after;
  bool resized = false;  // outputs were brought to the labels' size
};

// `each` sees every batch with both outputs. Throws invalid_argument when the outputs' shapes differ.
scores score_networks(const adapter::network& before, const adapter::network& after, image_folder& images,
                      const std::optional<label_options>& labels, progress_style style,
                      const std::function<void(const at::Tensor& input, const at::Tensor& before, const at::Tensor& after)>& each);

}  // namespace sirfp::cli
