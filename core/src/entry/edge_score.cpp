#include "sirfp/edge_score.hpp"

#include "checks.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

void check_state(const context& ctx, const edge_state& state, std::int64_t channels) {
  if (state.channels == 0) return;
  entry::check_same_channels("edge score", state.channels, channels);
  SIRFP_EXPECTS(state.sum.size() == state.channels, "edge score state of ", state.channels, " channels with ", state.sum.size(), " sums");
  entry::check_space("edge score state", state.sum.space(), ctx.backend->space());
}

}  // namespace

void accumulate_edge_score(const context& ctx, const feature_view& features, edge_state& state) {
  entry::check_features(ctx, features);
  check_state(ctx, state, features.channels);
  if (features.images == 0) return;
  edge_state batch{features.channels, 0, buffer(ctx.memory, features.channels)};
  entry::prepare_notes(ctx, batch.notes);
  ctx.backend->batch_edge_score(ctx, features, batch);  // throws before `state` is touched
  batch.images = features.images;
  merge(ctx, state, batch);
}

void merge(const context& ctx, edge_state& state, const edge_state& other) {
  if (other.channels == 0) return;
  check_state(ctx, other, other.channels);
  check_state(ctx, state, other.channels);
  if (state.channels == 0) state = {other.channels, 0, buffer(ctx.memory, other.channels)};
  entry::prepare_notes(ctx, state.notes);  // may be out of memory, and then nothing has been added
  ctx.backend->combine(ctx, state.sum, 1.0, other.sum, 1.0);
  entry::merge_notes(ctx, state.notes, other.notes, state.images);
  state.images += other.images;
}

std::vector<double> edge_score_sync(const edge_state& state) {
  SIRFP_EXPECTS(state.channels > 0 && state.images > 0, "edge score state without images");
  expect_sound_sync(state.notes);
  std::vector<double> mean = state.sum.to_host_sync();
  for (double& value : mean) value /= static_cast<double>(state.images);
  return mean;
}

}  // namespace sirfp
