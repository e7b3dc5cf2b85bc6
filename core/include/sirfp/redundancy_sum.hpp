// The redundancy of a group's channels: |R| added up over the layers and the positions where they stand (METHOD 3, 5).
#pragma once

#include <cstdint>
#include <vector>

#include "sirfp/context.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp {

// As |R| is; times the pixels that its layer's map had; over the roots of both channels' own: 1 for a channel and its multiple.
enum class redundancy_scale : std::uint8_t { reference, resolution_neutral, cosine };

// Which channels of a layer stand for each row of the sum.
struct row_positions {
  std::vector<std::int32_t> begin;     // [rows + 1], the row's first place in `channels`
  std::vector<std::int32_t> channels;  // ascending a row
};

// square_ij += sum over p of row i, then over q of row j, of |R_pq| in that scale; R the state's mean, `pixels` its layer's. `square` is
// [rows x rows], symmetric, in the backend's memory space like the state; the lower triangle is computed and mirrored. Bit-identical on
// every backend. Waits for the device's notes. Throws invalid_argument: a state without images, what its notes say, another size or place
// of `square`, positions that are none.
void add_redundancy_sync(const context& ctx, const similarity_state& layer, const row_positions& rows, redundancy_scale scale,
                         std::int64_t pixels, buffer& square);

}  // namespace sirfp
