// Pairwise redundancy of channels (METHOD 1): how alike are the maps of channels i and j, over all pixels.
#pragma once

#include <cstdint>
#include <span>

#include "sirfp/context.hpp"
#include "sirfp/features.hpp"

namespace sirfp {

enum class accumulation : std::uint8_t { mean, ema };

struct similarity_options {
  double epsilon = 1e-5;                   // added to each norm
  accumulation mode = accumulation::mean;  // exact mean over images, or the authors' moving average
  double ema_rate = 0.999;
};

// Sum (mean mode) or moving average (ema mode) of the images' matrices; `matrix` is a packed lower triangle (packed.hpp).
struct similarity_state {
  std::int64_t channels = 0;
  std::int64_t images = 0;
  accumulation mode = accumulation::mean;
  buffer matrix;
  buffer notes = {};  // device_notes.hpp; empty on the host
};

// Adds a batch of images:   n_c = sum_p w_p |x_c,p| + eps,   R_ij = sum_p w_p x_i,p x_j,p / (n_i n_j), one R an image.
//   mean:  matrix += sum_b R_b         ema:  matrix = r matrix + (1 - r) mean_b(R_b)
// An empty state takes the features' channel count and the mode. Cost: N C (C + 1) P multiply-adds / 2, features read once.
// The result does not depend on the number of threads. Throws invalid_argument (shapes, negative or non-finite weights, a state of
// another width or mode) and non_finite_error; the state is then as it was. On a GPU it runs on the context's stream and waits for nothing:
// a NaN or a bad weight is thrown by the next `_sync` function on the state, which is of no use from then on.
void accumulate_similarity(const context& ctx, const feature_view& features, const pixel_weights& weights,
                           const similarity_options& options, similarity_state& state);

// A batch of one layer's maps, and where it is added.
struct similarity_reading {
  feature_view features;
  pixel_weights weights;
  similarity_state* state = nullptr;
};
// The same for several layers, in order and to the same bits; a state may come several times. On a GPU small maps share launches; all of
// them stay where they are until the stream has passed. Throws invalid_argument too for a reading without a state. When one reading is
// refused or finds no memory (out_of_memory), each state has a whole batch or is as it was: its `images` says which. After a device failure
// they are of no use.
void accumulate_similarity(const context& ctx, std::span<const similarity_reading> readings, const similarity_options& options);

// Adds `other` to `state`; equal to having accumulated both (bit for bit when `other` is one batch). EMA states refuse.
void merge(const context& ctx, similarity_state& state, const similarity_state& other);

// The state where `ctx` computes. Waits for its notes, and for all of it where it lies elsewhere; throws invalid_argument, what its notes
// say, and out_of_memory.
similarity_state copied_sync(const context& ctx, const similarity_state& state);

// The mean redundancy matrix, signed, packed, on the host (waits for the device). Throws invalid_argument on an empty state.
std::vector<double> mean_redundancy_sync(const similarity_state& state);

}  // namespace sirfp
