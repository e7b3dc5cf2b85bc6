// Computes          v = sqrt(gx^2 + gy^2) by 3x3 kernels [[-.5,0,.5],[-1,0,1],[-.5,0,.5]] and transpose, zero padding 1; then per map
//                   sqrt(mean (v - mean v)^2), added over the images to sum[c]
// Tile              a block: channels abreast x workers, 256 threads (fewer for small maps); a worker: patches of 4 columns x 16 rows,
// walked
//                   down with three rows of differences and smoothed values in registers
// Shared/registers  24 bytes a thread, for the reduction; registers bound the blocks on a multiprocessor
// Traffic           minimum: the map once. The overlap of patches (1.69 reads a value) is meant to stay in the first cache
// Accumulates in    v in fp32 (fp64 where its square leaves fp32), count, mean and squares about the thread's first v in fp64
// Order             patches of a worker ascending, workers as a binary tree, splits and images ascending: fixed by the shape alone
// Needs             any strides; neighbouring threads take what is contiguous, columns or channels
// Measured          not yet measured
#include <cstdint>

#include "cuda_backend.hpp"
#include "device/barriers.cuh"
#include "device/launch.cuh"
#include "device/shared.cuh"
#include "device_array.hpp"
#include "edge_score_plan.hpp"
#include "edge_score_tuning.hpp"
#include "feature_reader.cuh"
#include "notes.cuh"
#include "spread.cuh"

namespace sirfp {
namespace {

using namespace edge_score_tuning;

// A channel of an image.
template <class Element>
struct plane {
  const feature_reader<Element>& features;
  std::int64_t image, channel;

  SIRFP_DEVICE float at(std::int64_t y, std::int64_t x) const {
    const bool inside = y >= 0 && y < features.height && x >= 0 && x < features.width;
    return inside ? features.at(image, channel, y, x) : 0.0F;
  }
};

// Where a square leaves the range of fp32; from the values, because their differences may have left it too.
template <class Element>
SIRFP_DEVICE double wide_magnitude(const plane<Element>& map, std::int64_t y, std::int64_t x) {
  const auto at = [&](int dy, int dx) { return static_cast<double>(map.at(y + dy, x + dx)); };
  const double gx = 0.5 * (at(-1, 1) - at(-1, -1)) + (at(0, 1) - at(0, -1)) + 0.5 * (at(1, 1) - at(1, -1));
  const double gy = 0.5 * (at(1, -1) - at(-1, -1)) + (at(1, 0) - at(-1, 0)) + 0.5 * (at(1, 1) - at(-1, 1));
  return sqrt(gx * gx + gy * gy);
}

// Values of v about the first of them.
struct deviations {
  double about = 0;
  double count = 0;
  double sum = 0;
  double squares = 0;

  SIRFP_DEVICE void add(double v) {
    if (count == 0) about = v;
    const double d = v - about;
    count += 1;
    sum += d;
    squares += d * d;
  }
  SIRFP_DEVICE spread result() const {
    if (count == 0) return {0, 0, 0};
    const double centred = squares - sum * (sum / count);
    return {count, about + sum / count, centred > 0 ? centred : 0};
  }
};

// Horizontal differences and smoothed values of one row of a patch.
struct patch_row {
  float slope[strip];
  float smooth[strip];
};

// Row y of the patch at column x0; false where a value of the patch itself is not finite.
template <class Element>
SIRFP_DEVICE bool read_row(const plane<Element>& map, std::int64_t y, std::int64_t x0, bool own, patch_row& row) {
  float value[strip + 2];
  for (int k = 0; k < strip + 2; ++k) value[k] = map.at(y, x0 - 1 + k);
  bool finite = true;
  for (int k = 0; k < strip; ++k) {
    row.slope[k] = value[k + 2] - value[k];
    row.smooth[k] = 0.5F * (value[k] + value[k + 2]) + value[k + 1];
    finite = finite && (!own || device::is_finite(value[k + 1]));
  }
  return finite;
}

template <class Element>
SIRFP_DEVICE bool add_patch(const plane<Element>& map, std::int64_t y0, std::int64_t x0, deviations& found) {
  constexpr float smallest = 0x1p-96F;  // between these no digit of a square is lost, nor of the sum of two
  constexpr float largest = 0x1p96F;
  patch_row above, middle, below;
  bool finite = true;
  read_row(map, y0 - 1, x0, false, above);
  finite = read_row(map, y0, x0, true, middle) && finite;
  const std::int64_t end = y0 + band < map.features.height ? y0 + band : map.features.height;
  for (std::int64_t y = y0; y < end; ++y) {
    finite = read_row(map, y + 1, x0, y + 1 < end, below) && finite;
    unsigned beyond = 0;
    for (int k = 0; k < strip; ++k) {
      if (x0 + k >= map.features.width) break;
      const float gx = 0.5F * (above.slope[k] + below.slope[k]) + middle.slope[k];
      const float gy = below.smooth[k] - above.smooth[k];
      const float square = gx * gx + gy * gy;
      const bool in_range = (square > smallest && square < largest) || (gx == 0 && gy == 0);
      if (in_range)
        found.add(static_cast<double>(sqrtf(square)));
      else
        beyond |= 1U << k;
    }
    SIRFP_ROLLED
    for (int k = 0; beyond >> k != 0; ++k)
      if ((beyond >> k & 1U) != 0) found.add(wide_magnitude(map, y, x0 + k));
    above = middle;
    middle = below;
  }
  return finite;
}

// Joins the workers of each channel; the result is with worker 0.
SIRFP_DEVICE spread join_workers(const spread& mine, int worker, int workers, int lane, int lanes) {
  auto* const all = device::shared_array<spread>();  // [workers][lanes]
  all[worker * lanes + lane] = mine;
  for (int half = workers / 2; half > 0; half /= 2) {
    device::block_barrier();
    if (worker < half) all[worker * lanes + lane] = merged(all[worker * lanes + lane], all[(worker + half) * lanes + lane]);
  }
  return all[worker * lanes + lane];
}

// The part of the plan that the kernel needs.
struct edge_grid {
  std::int64_t channels, patches_across, patches, splits, channel_groups;
  int channels_abreast, workers;
  bool channel_fastest;
};

template <class Element>
SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(threads)
    edge_score_kernel(feature_reader<Element> features, edge_grid grid, spread* partial, double* notes, std::int64_t images_before) {
  const std::int64_t split = device::block_index() % grid.splits;
  const std::int64_t group = device::block_index() / grid.splits % grid.channel_groups;
  const std::int64_t image = device::block_index() / grid.splits / grid.channel_groups;
  const int thread = device::thread_index();
  const int lane = grid.channel_fastest ? thread % grid.channels_abreast : thread / grid.workers;
  const int worker = grid.channel_fastest ? thread / grid.channels_abreast : thread % grid.workers;
  const std::int64_t channel = group * grid.channels_abreast + lane;

  deviations found;
  if (channel < grid.channels) {
    const plane<Element> map{features, image, channel};
    bool finite = true;
    const std::int64_t step = grid.splits * grid.workers;
    for (std::int64_t p = split * grid.workers + worker; p < grid.patches; p += step)
      finite = add_patch(map, p / grid.patches_across * band, p % grid.patches_across * strip, found) && finite;
    if (!finite) note_bad(notes, device_notes::bad_feature, images_before + image, channel);
  }
  const spread joined = join_workers(found.result(), worker, grid.workers, lane, grid.channels_abreast);
  if (worker == 0 && channel < grid.channels) partial[(image * grid.channels + channel) * grid.splits + split] = joined;
}

SIRFP_KERNEL SIRFP_LAUNCH_BOUNDS(finish_threads)
    edge_score_finish_kernel(const spread* partial, std::int64_t images, std::int64_t channels, std::int64_t splits, double* sum) {
  const std::int64_t channel = device::grid_thread();
  if (channel >= channels) return;
  double total = 0;
  for (std::int64_t n = 0; n < images; ++n) {
    const spread* const parts = partial + (n * channels + channel) * splits;
    spread map = parts[0];
    for (std::int64_t s = 1; s < splits; ++s) map = merged(map, parts[s]);
    total += sqrt(map.squares / map.count);
  }
  sum[channel] += total;
}

}  // namespace

void cuda_backend::batch_edge_score(const context& ctx, const feature_view& features, edge_state& batch) const {
  const device::device_scope scope(device_);
  const edge_score_plan plan =
      plan_edge_score(features.images, features.channels, features.height, features.width, features.channel_stride, features.column_stride);
  const edge_grid grid{features.channels,   plan.patches_across,   plan.patches, plan.splits,
                       plan.channel_groups, plan.channels_abreast, plan.workers, plan.channel_fastest};
  const device_array<spread> partial(plan.spreads, ctx.stream);
  with_reader(features, [&]<class Element>(const feature_reader<Element>& reader) {
    device::launch(plan.partial, ctx.stream, edge_score_kernel<Element>, reader, grid, partial.data(), batch.notes.data(), batch.images);
  });
  device::launch(plan.finish, ctx.stream, edge_score_finish_kernel, partial.data(), features.images, features.channels, plan.splits,
                 batch.sum.data());
}

}  // namespace sirfp
