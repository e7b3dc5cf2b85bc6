#include "gram_cublas_plan.hpp"

#include <algorithm>
#include <limits>

#include "gram_plan.hpp"
#include "gram_tuning.hpp"
#include "parts.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

using namespace gram_tuning;

feature_view flattened(feature_view features) {
  const bool one_column = features.width == 1;
  if (!one_column && features.height > 1 && features.row_stride != features.width * features.column_stride) return features;
  if (one_column) features.column_stride = features.row_stride;
  features.width = features.pixels();
  features.height = 1;
  features.row_stride = features.width * features.column_stride;
  return features;
}

// A library reads a matrix by one pitch, and takes none that overlaps.
void look_at_order(gram_cublas_plan& plan) {
  const feature_view& f = plan.features;
  const bool by_pixels = f.height == 1 && (f.column_stride == 1 || f.width == 1) && (f.channels == 1 || f.channel_stride >= f.width);
  const bool by_channels = f.height == 1 && f.channel_stride == 1 && f.column_stride >= f.channels;
  plan.staged = !by_pixels && !by_channels;
  plan.adjacent_rows = !by_pixels && f.channel_stride == 1;
  plan.pitch = plan.adjacent_rows ? f.column_stride : f.channel_stride;
  plan.stride = f.image_stride;
}

}  // namespace

gram_cublas_plan plan_gram_cublas(const feature_view& features, bool weighted, bool centred) {
  const std::int64_t channels = features.channels;
  const std::int64_t pixels = features.pixels();
  SIRFP_EXPECTS(channels <= most_gram_channels && pixels <= most_gram_pixels, "features of ", channels, " channels and ", pixels,
                " pixels, the cuda backend takes ", most_gram_channels, " and 2^30 at most");
  gram_cublas_plan plan;
  plan.features = flattened(features);
  look_at_order(plan);
  plan.staged = plan.staged || weighted || centred;
  if (plan.staged) {
    plan.pitch = plan.adjacent_rows ? channels : pixels;
    plan.stride = channels * pixels;
  }
  const std::int64_t staged = plan.staged ? channels * pixels : 0;
  const std::int64_t square = channels * channels;
  const std::int64_t maps = features.images * channels;
  plan.images_at_once = std::clamp<std::int64_t>(workspace_bytes / (4 * (staged + square)), 1, features.images);
  plan.staged_values = plan.images_at_once * staged;
  plan.square_values = plan.images_at_once * square;
  plan.ranges = parts(pixels, cublas_range_pixels);
  plan.part_values = 3 * maps * plan.ranges;
  constexpr std::int64_t warps = finish_threads / 32;
  plan.sums = {"cublas_sums", maps * plan.ranges, finish_threads, warps * sizeof(double)};
  plan.norms = {"cublas_norms", parts(maps, warps), finish_threads};
  plan.means = {"cublas_means", parts(channels, warps), finish_threads};
  plan.stage = {"cublas_stage", parts(plan.staged_values, finish_threads), finish_threads};
  plan.finish = {"cublas_finish", parts(square, finish_threads), finish_threads};
  SIRFP_EXPECTS(std::max(plan.stage.blocks, plan.sums.blocks) <= std::numeric_limits<std::int32_t>::max(), "features of ", features.images,
                " images, ", channels, " channels and ", pixels, " pixels: too many for cuBLAS and its passes");
  return plan;
}

}  // namespace sirfp
