#include "scoring.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "interrupt.hpp"
#include "session.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

struct labelled_scores {
  adapter::segmentation_score before;
  adapter::segmentation_score after;
};

accuracy accuracy_of(const adapter::segmentation_score& score, std::int64_t ignore) {
  accuracy result{.mean_iou = 0, .pixel_accuracy = score.pixel_accuracy(), .class_iou = score.class_iou()};
  std::int64_t counted = 0;
  for (std::size_t c = 0; c < result.class_iou.size(); ++c) {
    if (std::isnan(result.class_iou[c]) || static_cast<std::int64_t>(c) == ignore) continue;
    result.mean_iou += result.class_iou[c];
    ++counted;
  }
  if (counted > 0) result.mean_iou /= static_cast<double>(counted);
  return result;
}

// The logits of one image at the labels' size.
at::Tensor at_label_size(const at::Tensor& logits, std::int64_t image, const at::Tensor& labels, bool& resized) {
  const at::Tensor one = logits.narrow(0, image, 1);
  const std::array<std::int64_t, 2> size = {labels.size(1), labels.size(2)};
  if (one.size(2) == size[0] && one.size(3) == size[1]) return one;
  resized = true;
  return at::upsample_bilinear2d(one.to(at::kFloat), size, /*align_corners=*/false);
}

void score_labels(const loaded_batch& batch, const label_options& options, const at::Tensor& before, const at::Tensor& after,
                  std::optional<labelled_scores>& labelled, bool& resized) {
  SIRFP_EXPECTS(before.dim() == 4, "--labels: the output has ", before.dim(), " dimensions, expected [N, classes, H, W]");
  const std::int64_t classes = scored_classes(before.size(1), options.ignore);
  if (!labelled) labelled = labelled_scores{{classes, options.ignore}, {classes, options.ignore}};
  for (std::size_t i = 0; i < batch.names.size(); ++i) {
    const at::Tensor labels = load_labels(options, batch.names[i], batch.file_sizes[i], classes);
    const auto index = static_cast<std::int64_t>(i);
    labelled->before.add(at_label_size(before, index, labels, resized), labels);
    labelled->after.add(at_label_size(after, index, labels, resized), labels);
  }
}

}  // namespace

scores score_networks(const adapter::network& before, const adapter::network& after, image_folder& images,
                      const std::optional<label_options>& labels, progress_style style,
                      const std::function<void(const at::Tensor& input, const at::Tensor& before, const at::Tensor& after)>& each) {
  if (labels) check_labels_exist(*labels, images.names());
  scores result;
  std::optional<labelled_scores> labelled;
  const bool same_file = !before.path.empty() && before.path == after.path;  // the accuracy of one network: half the work
  progress shown(style, "comparing on", images.count(), "images");
  for (const image_batch& batch : images.batches()) {
    check_interrupt();
    const loaded_batch loaded = images.load(batch);
    if (loaded.input.defined()) {
      const c10::InferenceMode no_gradients;
      const at::Tensor left = forward(before, loaded.input);
      const at::Tensor right = same_file ? left : forward(after, loaded.input);
      SIRFP_EXPECTS(left.sizes() == right.sizes(), after.path.string(), ": its output has shape ", right.sizes(), ", expected ",
                    left.sizes(), " as of ", before.path.string());
      result.pixels.add(right, left);
      result.error.add(right, left);
      if (labels) score_labels(loaded, *labels, left, right, labelled, result.resized);
      each(loaded.input, left, right);
      result.images += static_cast<std::int64_t>(loaded.names.size());
    }
    shown.advance(static_cast<std::int64_t>(batch.names.size()));
  }
  SIRFP_EXPECTS(result.images > 0, images.folder().string(), ": none of its images could be read");
  if (labelled) {
    result.before = accuracy_of(labelled->before, labels->ignore);
    result.after = accuracy_of(labelled->after, labels->ignore);
  }
  return result;
}

}  // namespace sirfp::cli
