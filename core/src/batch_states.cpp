#include "batch_states.hpp"

#include <utility>

#include "entry/checks.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {

similarity_state zeroed_similarity(const context& ctx, std::int64_t channels, accumulation mode) {
  similarity_state made{channels, 0, mode, buffer(ctx.memory, packed_size(channels))};
  entry::prepare_notes(ctx, made.notes);
  return made;
}

moments_state zeroed_moments(const context& ctx, std::int64_t channels) {
  moments_state made{channels, 0, 0, buffer(ctx.memory, channels), buffer(ctx.memory, packed_size(channels))};
  entry::prepare_notes(ctx, made.notes);
  return made;
}

void add_batch(const context& ctx, const similarity_reading& reading, const similarity_options& options,
               const std::function<void(similarity_state& sums)>& fill) {
  similarity_state& state = *reading.state;
  const std::int64_t images = reading.features.images;
  if (images == 1 && options.mode == accumulation::mean && state.channels != 0) {
    entry::prepare_notes(ctx, state.notes);
    fill(state);  // the same sums without a second matrix
    ++state.images;
    return;
  }
  similarity_state batch = zeroed_similarity(ctx, reading.features.channels, options.mode);
  fill(batch);  // throws before `state` is touched
  batch.images = images;

  if (options.mode == accumulation::mean) {
    if (state.channels == 0)
      state = std::move(batch);
    else
      merge(ctx, state, batch);
    return;
  }
  if (state.channels == 0) state = zeroed_similarity(ctx, reading.features.channels, options.mode);
  entry::prepare_notes(ctx, state.notes);  // may be out of memory, and then nothing has been added
  ctx.backend->combine(ctx, state.matrix, options.ema_rate, batch.matrix, (1 - options.ema_rate) / static_cast<double>(images));
  entry::merge_notes(ctx, state.notes, batch.notes, state.images);
  state.images += images;
}

void add_batch(const context& ctx, const moments_reading& reading, const std::function<void(moments_state& batch)>& fill) {
  moments_state batch = zeroed_moments(ctx, reading.features.channels);
  fill(batch);  // throws before the state is touched
  batch.images = reading.features.images;
  if (reading.state->channels == 0)
    *reading.state = std::move(batch);
  else
    merge(ctx, *reading.state, batch);
}

}  // namespace sirfp
