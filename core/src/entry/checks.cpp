#include "checks.hpp"

#include <cmath>
#include <limits>

#include "sirfp/backend.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::entry {
namespace {

std::string_view name_of_space(memory_space space) { return space == memory_space::host ? "host" : "cuda"; }

// |offset| of the last element from the first, in bytes; -1 when it does not fit.
std::int64_t span_bytes(const feature_view& features) {
  const std::int64_t extents[] = {features.images, features.channels, features.height, features.width};
  const std::int64_t strides[] = {features.image_stride, features.channel_stride, features.row_stride, features.column_stride};
  std::int64_t total = 0;
  for (int axis = 0; axis < 4; ++axis) {
    std::int64_t reach = 0;
    if (__builtin_mul_overflow(extents[axis] - 1, strides[axis], &reach)) return -1;
    if (reach == std::numeric_limits<std::int64_t>::min()) return -1;
    if (__builtin_add_overflow(total, reach < 0 ? -reach : reach, &total)) return -1;
  }
  if (__builtin_mul_overflow(total, static_cast<std::int64_t>(size_of(features.type)), &total)) return -1;
  return total;
}

}  // namespace

void check_features(const context& ctx, const feature_view& features) {
  SIRFP_EXPECTS(ctx.backend && ctx.threads && ctx.memory, "context without a backend, threads or memory; make one by make_context");
  SIRFP_EXPECTS(features.images >= 0 && features.channels > 0 && features.height > 0 && features.width > 0, "features of shape [",
                features.images, ", ", features.channels, ", ", features.height, ", ", features.width,
                "], expected at least one channel and one pixel");
  check_space("features", features.space, ctx.backend->space());
  if (features.images == 0) return;
  SIRFP_EXPECTS(features.data != nullptr, "features without data");
  SIRFP_EXPECTS(ctx.backend->reads(features.data), "features at ", features.data, ", which is not in the memory of backend ",
                ctx.backend->name(), "'s device");
  check_alignment("features", features.data, size_of(features.type));
  std::int64_t pixels = 0;
  std::int64_t triangle = 0;
  const bool fits = !__builtin_mul_overflow(features.height, features.width, &pixels) && span_bytes(features) >= 0 &&
                    features.channels < std::numeric_limits<std::int32_t>::max() &&
                    !__builtin_mul_overflow(features.channels * (features.channels + 1) / 2, 8, &triangle);
  SIRFP_EXPECTS(fits, "features of shape [", features.images, ", ", features.channels, ", ", features.height, ", ", features.width,
                "] and strides [", features.image_stride, ", ", features.channel_stride, ", ", features.row_stride, ", ",
                features.column_stride, "] reach beyond 64-bit offsets");
}

void check_weights(const feature_view& features, const pixel_weights& weights) {
  if (weights.data == nullptr) return;
  check_alignment("pixel weights", weights.data, sizeof(float));
  SIRFP_EXPECTS(weights.image_stride >= 0, "pixel weights with image stride ", weights.image_stride, ", expected 0 (shared) or more");
  if (features.space != memory_space::host) return;
  const std::int64_t pixels = features.pixels();
  const std::int64_t maps = weights.image_stride == 0 ? std::min<std::int64_t>(features.images, 1) : features.images;
  for (std::int64_t n = 0; n < maps; ++n) {
    const float* map = weights.data + n * weights.image_stride;
    bool bad = false;  // one flag for the row of pixels, so that the loop vectorises
    for (std::int64_t p = 0; p < pixels; ++p) bad |= !(map[p] >= 0.0F && map[p] <= std::numeric_limits<float>::max());
    if (!bad) continue;
    std::int64_t p = 0;
    while (map[p] >= 0.0F && map[p] <= std::numeric_limits<float>::max()) ++p;
    throw invalid_argument(text("pixel weight ", map[p], " at image ", n, ", row ", p / features.width, ", column ", p % features.width,
                                ", expected a finite value that is not negative"));
  }
}

void check_same_channels(std::string_view what, std::int64_t state, std::int64_t other) {
  SIRFP_EXPECTS(state == other, what, " state of ", state, " channels, but ", other, " channels are to be added");
}

void check_alignment(std::string_view what, const void* data, std::size_t bytes) {
  SIRFP_EXPECTS(reinterpret_cast<std::uintptr_t>(data) % bytes == 0, what, " at address ", data, ", expected a multiple of ", bytes);
}

void check_space(std::string_view what, memory_space state, memory_space backend) {
  SIRFP_EXPECTS(state == backend, what, " in ", name_of_space(state), " memory, but the backend reads ", name_of_space(backend), " memory");
}

void prepare_notes(const context& ctx, buffer& notes) {
  if (notes.empty()) notes = buffer(ctx.memory, ctx.backend->note_words());
}

void merge_notes(const context& ctx, buffer& into, const buffer& from, std::int64_t images_before) {
  prepare_notes(ctx, into);
  if (!from.empty()) ctx.backend->merge_notes(ctx, into, from, images_before);
}

}  // namespace sirfp::entry
