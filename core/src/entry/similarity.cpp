#include "sirfp/similarity.hpp"

#include <cmath>

#include "checks.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

void check_options(const similarity_options& options) {
  SIRFP_EXPECTS(std::isfinite(options.epsilon) && options.epsilon > 0, "similarity epsilon ", options.epsilon,
                ", expected a positive number");
  SIRFP_EXPECTS(options.mode == accumulation::mean || (options.ema_rate >= 0 && options.ema_rate < 1), "EMA rate ", options.ema_rate,
                ", expected 0 <= rate < 1");
}

void check_state(const context& ctx, const similarity_state& state, std::int64_t channels, accumulation mode) {
  if (state.channels == 0) return;
  entry::check_same_channels("similarity", state.channels, channels);
  SIRFP_EXPECTS(state.mode == mode, "similarity state in ", state.mode == accumulation::ema ? "EMA" : "mean", " mode, asked to go on in ",
                mode == accumulation::ema ? "EMA" : "mean", " mode");
  SIRFP_EXPECTS(state.matrix.size() == packed_size(state.channels), "similarity state of ", state.channels, " channels with a matrix of ",
                state.matrix.size(), " values");
  entry::check_space("similarity state", state.matrix.space(), ctx.backend->space());
}

similarity_state zero_state(const context& ctx, std::int64_t channels, accumulation mode) {
  return {channels, 0, mode, buffer(ctx.memory, packed_size(channels))};
}

}  // namespace

void accumulate_similarity(const context& ctx, const feature_view& features, const pixel_weights& weights,
                           const similarity_options& options, similarity_state& state) {
  entry::check_features(ctx, features);
  check_options(options);
  check_state(ctx, state, features.channels, options.mode);
  if (features.images == 0) return;
  entry::check_weights(features, weights);

  if (features.images == 1 && options.mode == accumulation::mean && state.channels != 0) {
    entry::prepare_notes(ctx, state.notes);
    ctx.backend->batch_similarity(ctx, features, weights, options, state);  // the same sums without a second matrix
    ++state.images;
    return;
  }
  similarity_state batch = zero_state(ctx, features.channels, options.mode);
  entry::prepare_notes(ctx, batch.notes);
  ctx.backend->batch_similarity(ctx, features, weights, options, batch);  // throws before `state` is touched
  batch.images = features.images;

  if (options.mode == accumulation::mean) {
    if (state.channels == 0)
      state = std::move(batch);
    else
      merge(ctx, state, batch);
    return;
  }
  if (state.channels == 0) state = zero_state(ctx, features.channels, options.mode);
  entry::prepare_notes(ctx, state.notes);  // may be out of memory, and then nothing has been added
  const double share = (1 - options.ema_rate) / static_cast<double>(features.images);
  ctx.backend->combine(ctx, state.matrix, options.ema_rate, batch.matrix, share);
  entry::merge_notes(ctx, state.notes, batch.notes, state.images);
  state.images += features.images;
}

void merge(const context& ctx, similarity_state& state, const similarity_state& other) {
  if (other.channels == 0) return;
  SIRFP_EXPECTS(state.mode == accumulation::mean && other.mode == accumulation::mean,
                "similarity states in EMA mode do not merge: a moving average depends on the order of the images");
  check_state(ctx, other, other.channels, other.mode);
  check_state(ctx, state, other.channels, other.mode);
  if (state.channels == 0) state = zero_state(ctx, other.channels, other.mode);
  entry::prepare_notes(ctx, state.notes);
  ctx.backend->combine(ctx, state.matrix, 1.0, other.matrix, 1.0);
  entry::merge_notes(ctx, state.notes, other.notes, state.images);
  state.images += other.images;
}

similarity_state copied_sync(const context& ctx, const similarity_state& state) {
  expect_sound_sync(state.notes);
  return {state.channels, state.images, state.mode, buffer::from_host(ctx.memory, state.matrix.to_host_sync())};
}

std::vector<double> mean_redundancy_sync(const similarity_state& state) {
  SIRFP_EXPECTS(state.channels > 0 && state.images > 0, "similarity state without images");
  expect_sound_sync(state.notes);
  std::vector<double> mean = state.matrix.to_host_sync();
  if (state.mode == accumulation::ema) return mean;
  for (double& value : mean) value /= static_cast<double>(state.images);
  return mean;
}

}  // namespace sirfp
