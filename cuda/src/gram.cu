#include <algorithm>

#include "device_array.hpp"
#include "gram.hpp"
#include "gram_kernels.hpp"
#include "gram_passes.hpp"
#include "gram_plain.hpp"
#include "gram_plan.hpp"

namespace sirfp {
namespace {

// The workspace of a batch, as the plan has it, and the launches of its groups of images.
template <class Element>
class gram_batch {
 public:
  gram_batch(const feature_view& features, const pixel_weights& weights, const gram_target& target, const device_gram_plan& plan,
             void* stream)
      : features_(features),
        weights_(weights),
        target_(target),
        plan_(plan),
        stream_(stream),
        doubles_(plan.slot_values + plan.sum_values + plan.total_values, stream),
        shifts_(target.mean == nullptr ? 0 : plan.images_at_once * features.channels, stream),
        flags_(queues + plan.images_at_once, stream) {}

  void add_group(std::int64_t first, std::int64_t count) {
    flags_.zero();
    gram_task<Element> task = task_of(first, count);
    gram_results results = results_of(task, count);
    if (weights_.data != nullptr)
      launch_gram_weights({task.weights, weights_.image_stride}, count, task.pixels, plan_.weight_blocks, target_.notes, task.images_before,
                          weight_parts(), stream_);
    if (target_.mean != nullptr) launch_gram_shifts(task.features, count, task.channels, shifts_.data(), stream_);
    multiply(task, count);
    launch_gram_totals(plan_, results, stream_);
    launch_gram_finish(plan_, results, stream_);
  }

 private:
  static constexpr std::int64_t queues = 2;

  double* sums() const { return doubles_.data() + plan_.slot_values; }
  double* totals() const { return sums() + plan_.sum_values; }
  double* per_image() const { return totals() + 2 * plan_.images_at_once * features_.channels; }
  double* weight_parts() const { return per_image() + 2 * plan_.images_at_once; }

  gram_task<Element> task_of(std::int64_t first, std::int64_t count) const {
    gram_task<Element> task{};
    task.features = reader_of<Element>(features_);
    task.features.data += first * features_.image_stride;
    task.weights = weights_.data == nullptr ? nullptr : weights_.data + first * weights_.image_stride;
    task.weight_stride = weights_.image_stride;
    task.shifts = target_.mean == nullptr ? nullptr : shifts_.data();
    task.channels = static_cast<std::int32_t>(features_.channels);
    task.pixels = static_cast<std::int32_t>(features_.pixels());
    const bool even = features_.height == 1 || features_.width == 1 || features_.row_stride == features_.width * features_.column_stride;
    task.row_pixels = static_cast<std::int32_t>(even ? features_.pixels() : features_.width);
    task.pixel_stride = features_.width > 1 ? features_.column_stride : features_.row_stride;
    task.tiles = static_cast<std::int32_t>(plan_.tiles);
    task.ranges = static_cast<std::int32_t>(plan_.ranges);
    task.range_pixels = static_cast<std::int32_t>(plan_.range_pixels);
    task.units = static_cast<std::int32_t>(plan_.units(count));
    task.images_before = target_.images_before + first;
    task.slots = doubles_.data();
    task.sums = sums();
    task.notes = target_.notes;
    task.queue = flags_.data();
    task.again = plan_.check_range ? flags_.data() + queues : nullptr;
    task.wide_loads = plan_.wide_loads;
    task.channels_abreast = plan_.channels_abreast;
    return task;
  }

  gram_results results_of(const gram_task<Element>& task, std::int64_t count) const {
    return {.slots = task.slots,
            .sums = task.sums,
            .weight_parts = task.weights == nullptr ? nullptr : weight_parts(),
            .shifts = task.shifts,
            .totals = totals(),
            .images = per_image(),
            .matrix = target_.matrix,
            .mean = target_.mean,
            .notes = target_.notes,
            .epsilon = target_.epsilon,
            .count = count,
            .channels = task.channels,
            .pixels = task.pixels};
  }

  // The group's images in boxes of a tile's channels.
  device::tensor_map map_of(const gram_task<Element>& task, std::int64_t count) const {
    constexpr std::int64_t bytes = sizeof(Element);
    const std::int64_t row_bytes = task.features.channel_stride * bytes;
    const std::int64_t image_bytes = count > 1 ? task.features.image_stride * bytes : row_bytes;  // of one image it may be anything
    // Named: nvcc 13 loses the braces of a temporary here.
    const device::box_source source{task.features.data, task.pixels, task.channels, count, row_bytes, image_bytes};
    return device::make_tensor_map(source, plan_.side);
  }

  void multiply(gram_task<Element> task, std::int64_t count) {
    const auto shape = [&](device::launch_shape of_group) {
      of_group.blocks = std::min<std::int64_t>(of_group.blocks, task.units);
      return of_group;
    };
    if constexpr (sizeof(Element) == 2) {
      if (plan_.recipe == gram_recipe::copied || plan_.recipe == gram_recipe::shifted)
        launch_gram_copied(shape(plan_.gram), task, plan_.side, plan_.recipe == gram_recipe::shifted, stream_);
      if (plan_.recipe == gram_recipe::wgmma) launch_gram_wgmma(shape(plan_.gram), task, map_of(task, count), stream_);
      if (plan_.recipe == gram_recipe::native) launch_gram_through_registers<Element, 1>(shape(plan_.gram), task, plan_.side, stream_);
      if (plan_.recipe != gram_recipe::split) {
        if (!plan_.check_range) return;
        task.only = task.again;
        task.again = nullptr;
        ++task.queue;
      }
    }
    launch_gram_through_registers<Element, 2>(shape(plan_.again), task, plan_.side, stream_);
  }

  const feature_view& features_;
  const pixel_weights& weights_;
  const gram_target& target_;
  const device_gram_plan& plan_;
  void* stream_;
  device_array<double> doubles_;  // slots, sums, totals, two values an image, parts of weights
  device_array<float> shifts_;
  device_array<unsigned> flags_;  // two queues, then which images are to be done again
};

}  // namespace

void form_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, const device_gram_plan& plan,
               void* stream) {
  if (plan.recipe == gram_recipe::plain) return form_plain_gram(features, weights, target, stream);
  with_reader(features, [&]<class Element>(const feature_reader<Element>&) {
    gram_batch<Element> batch(features, weights, target, plan, stream);
    for (std::int64_t first = 0; first < features.images; first += plan.images_at_once)
      batch.add_group(first, std::min(plan.images_at_once, features.images - first));
  });
}

void form_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, const cuda_options& options,
               const device_facts& facts, void* stream) {
  gram_request request = request_of(features, weights, target.mean != nullptr, options.precision);
  request.by_wgmma = options.engine == gram_engine::wgmma;
  device_gram_plan plan = plan_device_gram(request, facts);
  for (;;) {
    try {
      return form_gram(features, weights, target, plan, stream);
    } catch (const device::out_of_memory&) {  // thrown before the first launch
      if (plan.images_at_once <= 1) throw;
      plan = with_fewer_images(plan);
    }
  }
}

}  // namespace sirfp
