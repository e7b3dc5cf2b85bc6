// States of one batch: what most backends fill before it joins the caller's.
#pragma once

#include <functional>

#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp {

// Zeros, with room for notes where the backend takes them.
similarity_state zeroed_similarity(const context& ctx, std::int64_t channels, accumulation mode);
moments_state zeroed_moments(const context& ctx, std::int64_t channels);

// Adds a reading whose sums `fill` makes: it adds each image's R to sums.matrix, or fills a zeroed moments state. The counts of images are
// made here. With one image `sums` may be the reading's own state: `fill` changes nothing before everything that can throw is done.
void add_batch(const context& ctx, const similarity_reading& reading, const similarity_options& options,
               const std::function<void(similarity_state& sums)>& fill);
void add_batch(const context& ctx, const moments_reading& reading, const std::function<void(moments_state& batch)>& fill);

}  // namespace sirfp
