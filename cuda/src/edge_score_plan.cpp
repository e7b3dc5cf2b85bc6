#include "edge_score_plan.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>

#include "edge_score_tuning.hpp"
#include "parts.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

using namespace edge_score_tuning;

}  // namespace

edge_score_plan plan_edge_score(std::int64_t images, std::int64_t channels, std::int64_t height, std::int64_t width,
                                std::int64_t channel_stride, std::int64_t column_stride) {
  edge_score_plan plan;
  plan.channel_fastest = std::abs(channel_stride) < std::abs(column_stride);
  plan.patches_across = parts(width, strip);
  plan.patches = plan.patches_across * parts(height, band);
  const auto at_most = [](std::int64_t value, int limit) {
    return static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(std::min<std::int64_t>(value, limit))));
  };
  // Channels-last maps want a warp of channels; small ones leave threads over, which take more channels.
  plan.channels_abreast = plan.channel_fastest ? at_most(channels, 32) : 1;
  plan.workers = at_most(plan.patches, threads / plan.channels_abreast);
  plan.channels_abreast = std::max(plan.channels_abreast, std::min(threads / plan.workers, at_most(channels, threads)));
  const int block = std::max(32, plan.workers * plan.channels_abreast);
  plan.channels_abreast = block / plan.workers;
  plan.channel_groups = parts(channels, plan.channels_abreast);
  plan.splits = parts(plan.patches, plan.workers * patches_per_thread);

  std::int64_t blocks = 0;
  const bool fits = !__builtin_mul_overflow(images, plan.channel_groups, &blocks) &&
                    !__builtin_mul_overflow(blocks, plan.splits, &blocks) && blocks <= std::numeric_limits<std::int32_t>::max() &&
                    !__builtin_mul_overflow(images, channels, &plan.spreads) &&
                    !__builtin_mul_overflow(plan.spreads, plan.splits, &plan.spreads);
  SIRFP_EXPECTS(fits, "edge score of ", images, " images of ", channels, " channels of ", height, " x ", width,
                " pixels: more than 2^31 - 1 blocks; give fewer images at once");
  plan.partial = {"edge_score", blocks, block, static_cast<std::size_t>(block) * 24};
  plan.finish = {"edge_score_finish", parts(channels, finish_threads), finish_threads};
  return plan;
}

}  // namespace sirfp
