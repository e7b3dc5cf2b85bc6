#include <algorithm>
#include <utility>
#include <vector>

#include "device_array.hpp"
#include "gram.hpp"
#include "gram_kernels.hpp"
#include "gram_passes.hpp"
#include "gram_plain.hpp"
#include "gram_plan.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

template <class Element>
gram_task<Element> task_of(const gram_job& job, const device_gram_plan& plan) {
  const feature_view& features = job.features;
  gram_task<Element> task{};
  task.features = reader_of<Element>(features);
  task.weights = job.weights.data;
  task.weight_stride = job.weights.image_stride;
  task.channels = static_cast<std::int32_t>(features.channels);
  task.pixels = static_cast<std::int32_t>(features.pixels());
  const bool even = features.height == 1 || features.width == 1 || features.row_stride == features.width * features.column_stride;
  task.row_pixels = static_cast<std::int32_t>(even ? features.pixels() : features.width);
  task.pixel_stride = features.width > 1 ? features.column_stride : features.row_stride;
  task.tiles = static_cast<std::int32_t>(plan.tiles);
  task.ranges = static_cast<std::int32_t>(plan.ranges);
  task.range_pixels = static_cast<std::int32_t>(plan.range_pixels);
  task.images_before = job.target.images_before;
  task.notes = job.target.notes;
  task.wide_loads = plan.wide_loads;
  task.covering_loads = plan.covering_loads;
  task.channels_abreast = plan.channels_abreast;
  return task;
}

// One site in the working memory of all: from where on.
template <class Element>
struct placed_gram {
  gram_job job;
  device_gram_plan plan;
  double* doubles;  // slots, sums, totals, two values an image, parts of weights, steps
  float* shifts;
  unsigned* again;

  std::int64_t channels() const { return job.features.channels; }
  bool centred() const { return job.target.mean != nullptr; }
  double* sums() const { return doubles + plan.slot_values; }
  double* totals() const { return sums() + plan.sum_values; }
  double* per_image() const { return totals() + 2 * plan.images_at_once * channels(); }
  double* weight_parts() const { return per_image() + 2 * plan.images_at_once; }
  double* steps() const { return totals() + plan.total_values; }

  // Images `first` and on.
  gram_task<Element> task(std::int64_t first) const {
    gram_task<Element> task = task_of<Element>(job, plan);
    task.features.data += first * job.features.image_stride;
    if (task.weights != nullptr) task.weights += first * task.weight_stride;
    task.images_before += first;
    task.shifts = centred() ? shifts : nullptr;
    task.slots = doubles;
    task.sums = sums();
    task.again = plan.check_range ? again : nullptr;
    return task;
  }

  gram_results results(std::int64_t count) const {
    const gram_target& target = job.target;
    return {.slots = doubles,
            .sums = sums(),
            .weight_parts = job.weights.data == nullptr ? nullptr : weight_parts(),
            .shifts = shifts,
            .totals = totals(),
            .images = per_image(),
            .steps = steps(),
            .matrix = target.matrix,
            .mean = target.mean,
            .notes = target.notes,
            .epsilon = target.epsilon,
            .keep = target.keep,
            .share = target.share,
            .host_weight = target.host_weight,
            .count = count,
            .channels = channels(),
            .pixels = job.features.pixels(),
            .tiles = plan.tiles,
            .ranges = plan.ranges,
            .weight_blocks = plan.weight_blocks,
            .side = plan.side,
            .joins = target.joins};
  }
};

// Sites that share launches, and the working memory of all of them.
template <class Element>
class gram_launches {
 public:
  gram_launches(std::span<const gram_job> jobs, std::span<const device_gram_plan> plans, void* stream)
      : stream_(stream),
        doubles_(total(plans, doubles_of), stream),
        shifts_(shifts_of(jobs, plans), stream),
        flags_(queues + total(plans, flags_of), stream) {
    double* doubles = doubles_.data();
    float* shifts = shifts_.data();
    unsigned* again = flags_.data() + queues;
    for (std::size_t k = 0; k < jobs.size(); ++k) {
      sites_.push_back({jobs[k], plans[k], doubles, shifts, again});
      doubles += doubles_of(plans[k]);
      shifts += shifts_of(jobs[k], plans[k]);
      again += flags_of(plans[k]);
    }
  }

  // `count` images from `first` on, of each site as many as it has.
  void run(std::int64_t first, std::int64_t count) {
    flags_.zero();
    const auto images_of = [count](const placed_gram<Element>& site) { return std::min(count, site.job.features.images); };
    site_row<weight_job> weights;
    site_row<shift_job<Element>> shifts;
    gram_tasks<Element> tasks;
    std::vector<gram_results> results;
    for (const placed_gram<Element>& site : sites_) {
      const gram_task<Element> task = site.task(first);
      const std::int64_t images = images_of(site);
      // Named: nvcc 13 loses the braces of temporaries here.
      const weight_job weighing{task.weights, task.weight_stride, task.pixels,        site.plan.weight_blocks,
                                task.notes,   task.images_before, site.weight_parts()};
      if (task.weights != nullptr) weights.add(weighing, images * site.plan.weight_blocks);
      const shift_job<Element> shifting{task.features, task.channels, site.shifts};
      if (site.centred()) shifts.add(shifting, images * task.channels);
      tasks.add(task, site.plan.units(images));
      results.push_back(site.results(images));
    }
    if (weights.count != 0) launch_gram_weights(weights, stream_);
    if (shifts.count != 0) launch_gram_shifts(shifts, stream_);
    multiply(tasks, count);
    launch_gram_totals(results.data(), tasks.count, stream_);
    launch_gram_finish(results.data(), tasks.count, stream_);
  }

 private:
  static constexpr std::int64_t queues = 2;

  // Every site begins on a boundary of 256 bytes.
  static std::int64_t doubles_of(const device_gram_plan& plan) {
    return (plan.slot_values + plan.sum_values + plan.total_values + plan.step_values + 31) / 32 * 32;
  }
  static std::int64_t flags_of(const device_gram_plan& plan) { return plan.images_at_once; }
  static std::int64_t shifts_of(const gram_job& job, const device_gram_plan& plan) {
    return job.target.mean == nullptr ? 0 : (plan.images_at_once * job.features.channels + 63) / 64 * 64;
  }
  static std::int64_t shifts_of(std::span<const gram_job> jobs, std::span<const device_gram_plan> plans) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < jobs.size(); ++k) sum += shifts_of(jobs[k], plans[k]);
    return sum;
  }
  static std::int64_t total(std::span<const device_gram_plan> plans, std::int64_t (*of)(const device_gram_plan&)) {
    std::int64_t sum = 0;
    for (const device_gram_plan& plan : plans) sum += of(plan);
    return sum;
  }

  // The site's images in boxes of a tile's channels.
  static device::tensor_map map_of(const gram_task<Element>& task, const device_gram_plan& plan, std::int64_t count) {
    constexpr std::int64_t bytes = sizeof(Element);
    const std::int64_t row_bytes = task.features.channel_stride * bytes;
    const std::int64_t image_bytes = count > 1 ? task.features.image_stride * bytes : row_bytes;  // of one image it may be anything
    // Named, as above.
    const device::box_source source{task.features.data, task.pixels, task.channels, count, row_bytes, image_bytes};
    return device::make_tensor_map(source, plan.side);
  }

  void multiply(gram_tasks<Element>& tasks, std::int64_t count) {
    const device_gram_plan& plan = sites_.front().plan;  // recipe and shapes are those of all
    unsigned* queue = flags_.data();
    const auto shape = [&](device::launch_shape shape) {
      shape.blocks = std::min<std::int64_t>(shape.blocks, tasks.work());
      return shape;
    };
    if constexpr (sizeof(Element) == 2) {
      if (plan.recipe == gram_recipe::copied || plan.recipe == gram_recipe::shifted)
        launch_gram_copied(shape(plan.gram), tasks, queue, plan.side, plan.recipe == gram_recipe::shifted, stream_);
      if (plan.recipe == gram_recipe::wgmma)
        launch_gram_wgmma(shape(plan.gram), tasks.site[0], static_cast<std::int32_t>(tasks.work()), queue,
                          map_of(tasks.site[0], plan, count), stream_);
      if (plan.recipe == gram_recipe::native) launch_gram_through_registers<Element, 1>(shape(plan.gram), tasks, queue, plan.side, stream_);
      if (plan.recipe != gram_recipe::split) {
        if (!plan.check_range) return;
        for (std::int32_t k = 0; k < tasks.count; ++k) tasks.site[k].only = std::exchange(tasks.site[k].again, nullptr);
        ++queue;
      }
    }
    launch_gram_through_registers<Element, 2>(shape(plan.again), tasks, queue, plan.side, stream_);
  }

  void* stream_;
  device_array<double> doubles_;
  device_array<float> shifts_;
  device_array<unsigned> flags_;  // two queues, then which images are to be done again
  std::vector<placed_gram<Element>> sites_;
};

}  // namespace

void form_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, const device_gram_plan& plan,
               void* stream) {
  if (plan.recipe == gram_recipe::plain) return form_plain_gram(features, weights, target, stream);
  with_reader(features, [&]<class Element>(const feature_reader<Element>&) {
    const gram_job only{features, weights, target};
    gram_launches<Element> launches({&only, 1}, {&plan, 1}, stream);
    for (std::int64_t first = 0; first < features.images; first += plan.images_at_once)
      launches.run(first, std::min(plan.images_at_once, features.images - first));
  });
}

void form_gram(const feature_view& features, const pixel_weights& weights, const gram_target& target, const cuda_options& options,
               const device_facts& facts, void* stream) {
  device_gram_plan plan = plan_device_gram(request_of(features, weights, target.mean != nullptr, options), facts);
  for (;;) {
    try {
      return form_gram(features, weights, target, plan, stream);
    } catch (const device::out_of_memory&) {  // thrown before the first launch
      if (plan.images_at_once <= 1) throw;
      plan = with_fewer_images(plan);
    }
  }
}

void form_grams(std::span<const gram_job> jobs, std::span<const device_gram_plan> plans, void* stream) {
  SIRFP_EXPECTS(jobs.size() <= std::size_t{gram_tuning::sites_at_once}, jobs.size(), " sites in a launch of ", gram_tuning::sites_at_once);
  with_reader(jobs.front().features, [&]<class Element>(const feature_reader<Element>&) {
    std::int64_t most = 0;
    for (const gram_job& job : jobs) most = std::max(most, job.features.images);
    gram_launches<Element>(jobs, plans, stream).run(0, most);
  });
}

}  // namespace sirfp
