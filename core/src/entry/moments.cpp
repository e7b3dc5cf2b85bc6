#include "sirfp/moments.hpp"

#include "checks.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

void check_state(const context& ctx, const moments_state& state, std::int64_t channels) {
  if (state.channels == 0) return;
  entry::check_same_channels("moments", state.channels, channels);
  SIRFP_EXPECTS(state.mean.size() == state.channels && state.scatter.size() == packed_size(state.channels), "moments state of ",
                state.channels, " channels with ", state.mean.size(), " means and a scatter of ", state.scatter.size(), " values");
  entry::check_space("moments state", state.scatter.space(), ctx.backend->space());
}

moments_state zero_state(const context& ctx, std::int64_t channels) {
  return {channels, 0, 0, buffer(ctx.memory, channels), buffer(ctx.memory, packed_size(channels))};
}

}  // namespace

void accumulate_moments(const context& ctx, const feature_view& features, const pixel_weights& weights, moments_state& state) {
  entry::check_features(ctx, features);
  check_state(ctx, state, features.channels);
  if (features.images == 0) return;
  entry::check_weights(features, weights);

  moments_state batch = zero_state(ctx, features.channels);
  entry::prepare_notes(ctx, batch.notes);
  ctx.backend->batch_moments(ctx, features, weights, batch);  // throws before `state` is touched
  batch.images = features.images;
  if (state.channels == 0)
    state = std::move(batch);
  else
    merge(ctx, state, batch);
}

void merge(const context& ctx, moments_state& state, const moments_state& other) {
  if (other.channels == 0) return;
  check_state(ctx, other, other.channels);
  check_state(ctx, state, other.channels);
  if (state.channels == 0) state = zero_state(ctx, other.channels);
  entry::merge_notes(ctx, state.notes, other.notes, state.images);
  ctx.backend->merge_moments(ctx, state, other);
}

double weight_sync(const moments_state& state) {
  return state.weight + (state.notes.empty() ? 0 : state.notes.to_host_sync()[device_notes::weight]);
}

// What a device has in its notes of the weight becomes the host's part; all else in them has been looked at.
moments_state copied_sync(const context& ctx, const moments_state& state) {
  expect_sound_sync(state.notes);
  const auto copied = [&](const buffer& values) { return buffer::from_host(ctx.memory, values.to_host_sync()); };
  return {state.channels, state.images, weight_sync(state), copied(state.mean), copied(state.scatter)};
}

moments moments_sync(const moments_state& state) {
  SIRFP_EXPECTS(state.channels > 0 && state.images > 0, "moments state without images");
  expect_sound_sync(state.notes);
  moments result{state.channels, weight_sync(state), state.mean.to_host_sync(), state.scatter.to_host_sync()};
  const double scale = result.weight > 0 ? 1 / result.weight : 0;
  for (double& value : result.covariance) value *= scale;
  return result;
}

}  // namespace sirfp
