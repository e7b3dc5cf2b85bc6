// Computes          what stands around cuBLAS: norms or means; staged[n][c][p] = sqrt(w_p) (x_c,p - mean_c); and from its squares G
//                   R_ij += G_ij / (n_i n_j) or S_ij += G_ij
// Tile              sums: 256 threads a range of 4,096 pixels of a channel. norms, means: a warp a channel. stage, finish: a thread a value
// Shared/registers  sums 64 bytes
// Traffic           sums: the map read. stage: the map read, 4 bytes a value written. finish: 4 bytes an entry of each image's lower
//                   triangle, 16 of the state
// Accumulates in    fp64 (cuBLAS between: fp32)
// Order             ranges as a fixed tree, images ascending
// Needs             any strides
// Measured          not yet measured
#include "channel_sums.cuh"
#include "device/launch.cuh"
#include "gram_cublas.hpp"
#include "gram_tuning.hpp"

namespace sirfp {
namespace {

using namespace gram_tuning;

template <class Element>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads)
    cublas_sums_kernel(feature_reader<Element> features, weight_reader weights, std::int64_t channels, std::int64_t ranges, double* notes,
                       std::int64_t images_before, double* parts) {
  const std::int64_t map = device::block_index() / ranges;
  const std::int64_t first = device::block_index() % ranges * cublas_range_pixels;
  const std::int64_t pixels = features.height * features.width;
  const std::int64_t end = first + cublas_range_pixels < pixels ? first + cublas_range_pixels : pixels;
  const channel_sums own = sums_of(features, weights, map / channels, map % channels, first, end, notes, images_before);
  const double weight = block_sum(own.weight);
  const double value = block_sum(own.value);
  const double magnitude = block_sum(own.magnitude);
  if (device::thread_index() != 0) return;
  double* const to = parts + 3 * device::block_index();
  to[0] = weight;
  to[1] = value;
  to[2] = magnitude;
}

// Of a map's ranges, the same in every lane; `which` as in parts.
SIRFP_DEVICE double sum_of_ranges(const double* parts, std::int64_t map, std::int64_t ranges, int which) {
  double sum = 0;
  for (std::int64_t r = device::lane_index(); r < ranges; r += device::warp_size) sum += parts[3 * (map * ranges + r) + which];
  return device::warp_butterfly_sum(sum);
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads)
    cublas_norms_kernel(const double* parts, std::int64_t maps, std::int64_t ranges, double epsilon, double* inverse_norms) {
  const std::int64_t map = device::grid_thread() / device::warp_size;
  if (map >= maps) return;
  const double norm = sum_of_ranges(parts, map, ranges, 2);
  if (device::lane_index() == 0) inverse_norms[map] = 1 / (norm + epsilon);
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads)
    cublas_means_kernel(const double* parts, std::int64_t images, std::int64_t channels, std::int64_t ranges, double* mean, double* notes) {
  const std::int64_t c = device::grid_thread() / device::warp_size;
  if (c >= channels) return;
  double weight = 0;
  double value = 0;
  for (std::int64_t n = 0; n < images; ++n) {
    weight += sum_of_ranges(parts, n * channels + c, ranges, 0);
    value += sum_of_ranges(parts, n * channels + c, ranges, 1);
  }
  if (device::lane_index() != 0) return;
  mean[c] = weight > 0 ? value / weight : 0;
  if (c == 0) notes[device_notes::weight] = weight;
}

template <class Element>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads)
    cublas_stage_kernel(feature_reader<Element> features, weight_reader weights, const double* mean, std::int64_t first_image,
                        std::int64_t images, std::int64_t channels, bool channels_abreast, float* staged) {
  const std::int64_t pixels = features.height * features.width;
  const std::int64_t which = device::grid_thread();
  if (which >= images * channels * pixels) return;
  const std::int64_t n = first_image + which / (channels * pixels);
  const std::int64_t within = which % (channels * pixels);
  const std::int64_t c = channels_abreast ? within % channels : within / pixels;
  const std::int64_t p = channels_abreast ? within / channels : within % pixels;
  const double about = mean == nullptr ? 0 : mean[c];
  staged[which] = static_cast<float>(sqrt(weights.at(n, p)) * (static_cast<double>(features.at(n, c, p)) - about));
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads)
    cublas_finish_kernel(const float* squares, const double* inverse_norms, std::int64_t images, std::int64_t channels, double* matrix) {
  const std::int64_t entry = device::grid_thread();
  const std::int64_t i = entry / channels;
  const std::int64_t j = entry % channels;
  if (i >= channels || j > i) return;
  double& to = matrix[i * (i + 1) / 2 + j];
  for (std::int64_t n = 0; n < images; ++n) {
    double value = static_cast<double>(squares[n * channels * channels + entry]);
    if (inverse_norms != nullptr) value *= inverse_norms[n * channels + i] * inverse_norms[n * channels + j];
    to = device::add_rounded(to, value);  // the same bits into a state and into a batch of its own
  }
}

weight_reader reader_of(const pixel_weights& weights) { return {weights.data, weights.image_stride}; }

}  // namespace

void cublas_passes::sum(double* parts) const {
  with_reader(plan.features, [&]<class Element>(const feature_reader<Element>& reader) {
    device::launch(plan.sums, stream, cublas_sums_kernel<Element>, reader, reader_of(weights), plan.features.channels, plan.ranges,
                   target.notes, target.images_before, parts);
  });
}

void cublas_passes::norms_of(const double* parts, double* inverse_norms) const {
  device::launch(plan.norms, stream, cublas_norms_kernel, parts, plan.features.images * plan.features.channels, plan.ranges, target.epsilon,
                 inverse_norms);
}

void cublas_passes::means_of(const double* parts) const {
  device::launch(plan.means, stream, cublas_means_kernel, parts, plan.features.images, plan.features.channels, plan.ranges, target.mean,
                 target.notes);
}

void cublas_passes::stage(std::int64_t first, std::int64_t count, float* staged) const {
  with_reader(plan.features, [&]<class Element>(const feature_reader<Element>& reader) {
    device::launch(plan.stage, stream, cublas_stage_kernel<Element>, reader, reader_of(weights), static_cast<const double*>(target.mean),
                   first, count, plan.features.channels, plan.adjacent_rows, staged);
  });
}

void cublas_passes::finish(const float* squares, const double* inverse_norms, std::int64_t count) const {
  device::launch(plan.finish, stream, cublas_finish_kernel, squares, inverse_norms, count, plan.features.channels, target.matrix);
}

}  // namespace sirfp
