#include "gram_plan.hpp"

#include <algorithm>
#include <limits>

#include "gram_tuning.hpp"
#include "parts.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

using namespace gram_tuning;

// Queue and barriers, then stages of rows and columns from a multiple of 1 KiB on (gram_wgmma.cu).
constexpr std::size_t wgmma_bytes = 1024 + std::size_t{wgmma_stages} * 2 * large_side * native_pixels * 2 + 1024;

gram_recipe recipe_for(const gram_request& request, const device_facts& facts) {
  if (request.precision == gram_precision::strict) return gram_recipe::plain;
  if (request.type == dtype::f32 || request.weighted || request.centred) return gram_recipe::split;
  if (!request.contiguous_pixels) return gram_recipe::native;
  if (!request.aligned) return gram_recipe::shifted;
  const bool by_wgmma = request.by_wgmma && request.in_boxes && request.channels > large_side && facts.arch == 90 &&
                        facts.shared_bytes_per_block >= static_cast<std::int64_t>(wgmma_bytes);
  return by_wgmma ? gram_recipe::wgmma : gram_recipe::copied;
}

bool takes_values_as_they_are(gram_recipe recipe) { return recipe != gram_recipe::split && recipe != gram_recipe::plain; }

const char* kernel_name(gram_recipe recipe) {
  constexpr const char* names[] = {"gram_copied", "gram_shifted", "gram_wgmma", "gram_native", "gram_split", "gram_plain"};
  return names[static_cast<int>(recipe)];
}

// What lies in shared memory: queue, ranges, planes (gram_split.cu) or stages (gram_copied.cu), each on a line of 128 bytes.
std::size_t shared_bytes_for(gram_recipe recipe, int side) {
  constexpr std::size_t fixed = 16 + 128;
  constexpr std::size_t range_bytes = 24;  // scale, limits, peak and inverse scale of a channel (gram_range.cuh)
  const std::size_t rows = 2 * static_cast<std::size_t>(side);
  if (recipe == gram_recipe::wgmma) return wgmma_bytes;
  if (recipe == gram_recipe::copied || recipe == gram_recipe::shifted) return fixed + rows * stages * native_pixels * 2;
  if (recipe == gram_recipe::native) return fixed + rows * split_pixels * 2;
  return fixed + rows * (split_pixels * 4 + range_bytes) + 16;
}

device::launch_shape shape_for(gram_recipe recipe, const device_gram_plan& plan, const device_facts& facts) {
  const std::size_t shared = shared_bytes_for(recipe, plan.side);
  const int threads = recipe == gram_recipe::wgmma ? wgmma_threads : 2 * (plan.side / warp_columns) * 32;
  const std::int64_t fit = std::max<std::int64_t>(1, facts.shared_bytes_per_multiprocessor / static_cast<std::int64_t>(shared + 1024));
  const std::int64_t resident =
      std::int64_t{facts.multiprocessors} * std::min<std::int64_t>(fit, facts.threads_per_multiprocessor / threads);
  return {kernel_name(recipe), resident, threads, shared};
}

// Ranges of an image, and their length: a multiple of 64 pixels, so that every range begins on a 16-byte boundary where the rows do.
void cut_pixels(device_gram_plan& plan, std::int64_t pixels, std::int64_t range_pixels) {
  const std::int64_t wanted = std::max<std::int64_t>(1, units_per_image / plan.tiles);
  const std::int64_t ranges = std::clamp<std::int64_t>(pixels / least_range_pixels, 1, wanted);
  if (range_pixels == 0) range_pixels = parts(pixels, ranges);
  plan.range_pixels = parts(range_pixels, native_pixels) * native_pixels;
  plan.ranges = parts(pixels, plan.range_pixels);
}

// Of the workspace what is not each image's: steps, and what is lost where a site's parts are put on boundaries.
std::int64_t bytes_beside(const device_gram_plan& plan) { return 8 * plan.step_values + 2 * 256; }

void size_workspace(device_gram_plan& plan, const gram_request& request) {
  const std::int64_t slots = plan.ranges * plan.tiles * plan.side * plan.side;
  const std::int64_t sums = plan.ranges * request.channels;
  const std::int64_t totals = 2 * request.channels + 2 + plan.weight_blocks;
  const std::int64_t shifts = request.centred ? request.channels : 0;
  const std::int64_t bytes = 8 * (slots + sums + totals) + 4 * shifts + 4;
  plan.step_values = request.centred ? request.channels + 1 : 0;
  plan.images_at_once = std::clamp<std::int64_t>((workspace_bytes - bytes_beside(plan)) / bytes, 1, request.images);
  plan.slot_values = plan.images_at_once * slots;
  plan.sum_values = plan.images_at_once * sums;
  plan.total_values = plan.images_at_once * totals;
  plan.workspace_bytes = plan.images_at_once * bytes + bytes_beside(plan);
}

}  // namespace

gram_request request_of(const feature_view& features, const pixel_weights& weights, bool centred, const cuda_options& options) {
  const auto bytes = static_cast<std::int64_t>(size_of(features.type));
  const auto aligned = [](std::int64_t offset) { return offset % 16 == 0; };
  gram_request request{features.images, features.channels, features.pixels(), features.type, weights.data != nullptr, centred};
  request.contiguous_pixels =
      (features.column_stride == 1 || features.width == 1) && (features.height == 1 || features.row_stride == features.width);
  request.contiguous_channels = !request.contiguous_pixels && features.channel_stride == 1;
  request.aligned = aligned(static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(features.data) % 16)) &&
                    (features.channels == 1 || aligned(features.channel_stride % 16 * bytes)) &&
                    (features.images == 1 || aligned(features.image_stride % 16 * bytes));
  const auto in_boxes = [bytes](std::int64_t stride) { return stride > 0 && stride < (std::int64_t{1} << 40) / bytes; };
  request.in_boxes = request.aligned && in_boxes(features.channel_stride) && (features.images == 1 || in_boxes(features.image_stride));
  request.precision = options.precision;
  request.by_wgmma = options.engine == gram_engine::wgmma;
  return request;
}

device_gram_plan plan_device_gram(const gram_request& request, const device_facts& facts, std::int64_t range_pixels) {
  SIRFP_EXPECTS(request.channels <= most_gram_channels && request.pixels <= most_gram_pixels, "features of ", request.channels,
                " channels and ", request.pixels, " pixels, the cuda backend takes ", most_gram_channels, " and 2^30 at most");
  device_gram_plan plan;
  plan.type = request.type;
  plan.recipe = recipe_for(request, facts);
  plan.side = request.channels <= small_side ? small_side : large_side;
  const std::int64_t tile_rows = parts(request.channels, plan.side);
  plan.tiles = tile_rows * (tile_rows + 1) / 2;
  plan.weight_blocks = request.weighted ? parts(request.pixels, weights_per_block) : 0;
  plan.wide_loads = request.contiguous_pixels && request.aligned;
  plan.covering_loads = request.contiguous_pixels && !request.aligned;
  plan.channels_abreast = request.contiguous_channels;
  plan.check_range = request.type == dtype::bf16 && takes_values_as_they_are(plan.recipe);
  if (plan.recipe == gram_recipe::plain) return plan;
  cut_pixels(plan, request.pixels, range_pixels);
  size_workspace(plan, request);
  plan.gram = shape_for(plan.recipe, plan, facts);
  plan.again = shape_for(gram_recipe::split, plan, facts);
  const std::int64_t finishing = plan.tiles * plan.side * plan.side / (finish_threads / finish_groups);  // blocks, at most
  SIRFP_EXPECTS(finishing <= std::numeric_limits<std::int32_t>::max(), "features of ", request.channels, " channels: too many tiles");
  return plan;
}

device_gram_plan with_fewer_images(device_gram_plan plan) {
  const std::int64_t images = plan.images_at_once / 2;
  plan.workspace_bytes = (plan.workspace_bytes - bytes_beside(plan)) / plan.images_at_once * images + bytes_beside(plan);
  for (std::int64_t* const size : {&plan.slot_values, &plan.sum_values, &plan.total_values}) *size = *size / plan.images_at_once * images;
  plan.images_at_once = images;
  return plan;
}

}  // namespace sirfp
