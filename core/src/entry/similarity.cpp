#include "sirfp/similarity.hpp"

#include <cmath>

#include "../batch_states.hpp"
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

}  // namespace

void accumulate_similarity(const context& ctx, const feature_view& features, const pixel_weights& weights,
                           const similarity_options& options, similarity_state& state) {
  const similarity_reading only{features, weights, &state};
  accumulate_similarity(ctx, {&only, 1}, options);
}

void accumulate_similarity(const context& ctx, std::span<const similarity_reading> readings, const similarity_options& options) {
  check_options(options);
  const auto check = [&](const similarity_state& state, std::int64_t channels) { check_state(ctx, state, channels, options.mode); };
  const std::vector<similarity_reading> checked = entry::checked_readings(ctx, readings, check);
  if (!checked.empty()) ctx.backend->add_similarity(ctx, checked, options);
}

void merge(const context& ctx, similarity_state& state, const similarity_state& other) {
  if (other.channels == 0) return;
  SIRFP_EXPECTS(state.mode == accumulation::mean && other.mode == accumulation::mean,
                "similarity states in EMA mode do not merge: a moving average depends on the order of the images");
  check_state(ctx, other, other.channels, other.mode);
  check_state(ctx, state, other.channels, other.mode);
  if (state.channels == 0) state = zeroed_similarity(ctx, other.channels, other.mode);
  entry::prepare_notes(ctx, state.notes);
  ctx.backend->combine(ctx, state.matrix, 1.0, other.matrix, 1.0);
  entry::merge_notes(ctx, state.notes, other.notes, state.images);
  state.images += other.images;
}

similarity_state copied_sync(const context& ctx, const similarity_state& state) {
  expect_sound_sync(state.notes);
  return {state.channels, state.images, state.mode, state.matrix.copied_to(ctx.memory)};
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
