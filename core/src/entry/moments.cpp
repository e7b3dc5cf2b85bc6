#include "sirfp/moments.hpp"

#include "../batch_states.hpp"
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

// Reads the notes once.
double sound_weight_sync(const moments_state& state) {
  const std::vector<double> notes = state.notes.to_host_sync();
  expect_sound(notes);
  return state.host_weight + (notes.empty() ? 0 : notes[device_notes::weight]);
}

double measured_weight_sync(const moments_state& state) {
  SIRFP_EXPECTS(state.channels > 0 && state.images > 0, "moments state without images");
  return sound_weight_sync(state);
}

void scale_down(std::vector<double>& scatter, double weight) {
  const double scale = weight > 0 ? 1 / weight : 0;
  for (double& value : scatter) value *= scale;
}

}  // namespace

void accumulate_moments(const context& ctx, const feature_view& features, const pixel_weights& weights, moments_state& state) {
  const moments_reading only{features, weights, &state};
  accumulate_moments(ctx, {&only, 1});
}

void accumulate_moments(const context& ctx, std::span<const moments_reading> readings) {
  const auto check = [&](const moments_state& state, std::int64_t channels) { check_state(ctx, state, channels); };
  const std::vector<moments_reading> checked = entry::checked_readings(ctx, readings, check);
  if (!checked.empty()) ctx.backend->add_moments(ctx, checked);
}

void merge(const context& ctx, moments_state& state, const moments_state& other) {
  if (other.channels == 0) return;
  check_state(ctx, other, other.channels);
  check_state(ctx, state, other.channels);
  if (state.channels == 0) state = zeroed_moments(ctx, other.channels);
  entry::merge_notes(ctx, state.notes, other.notes, state.images);
  ctx.backend->merge_moments(ctx, state, other);
}

double weight_sync(const moments_state& state) {
  return state.host_weight + (state.notes.empty() ? 0 : state.notes.to_host_sync()[device_notes::weight]);
}

// What a device has in its notes of the weight becomes the host's part; all else in them has been looked at.
moments_state copied_sync(const context& ctx, const moments_state& state) {
  const double weight = sound_weight_sync(state);
  return {state.channels, state.images, weight, state.mean.copied_to(ctx.memory), state.scatter.copied_to(ctx.memory)};
}

moments moments_sync(const moments_state& state) {
  moments result{state.channels, measured_weight_sync(state), state.mean.to_host_sync(), state.scatter.to_host_sync()};
  scale_down(result.covariance, result.weight);
  return result;
}

std::vector<double> variances_sync(const context& ctx, const moments_state& state) {
  const bool on_host = state.scatter.space() == memory_space::host;
  if (on_host && ctx.backend->space() != memory_space::host) return variances_sync(reference_context(), state);  // no matrix is moved
  const double weight = measured_weight_sync(state);
  if (!state.scatter.lies_with(*ctx.memory)) return variances_sync(ctx, copied_sync(ctx, state));
  buffer diagonal(ctx.memory, state.channels);
  ctx.backend->scatter_diagonal(ctx, state, diagonal);
  std::vector<double> variances = diagonal.to_host_sync();
  scale_down(variances, weight);
  return variances;
}

buffer covariance_sync(const context& ctx, const moments_state& state) {
  const double weight = measured_weight_sync(state);
  if (!state.scatter.lies_with(*ctx.memory)) return covariance_sync(ctx, copied_sync(ctx, state));
  buffer square(ctx.memory, state.channels * state.channels);
  ctx.backend->covariance(ctx, state, weight, square);
  return square;
}

}  // namespace sirfp
