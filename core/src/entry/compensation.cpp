#include "sirfp/compensation.hpp"

#include <cmath>

#include "sirfp/backend.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

void check_site(const moments_state& site, std::int64_t channels) {
  SIRFP_EXPECTS(site.channels > 0 && site.images > 0, "moments state without images");
  SIRFP_EXPECTS(site.channels == channels, "kept positions: ", channels, " given, expected one for each of ", site.channels, " channels");
  SIRFP_EXPECTS(site.mean.size() == channels && site.scatter.size() == packed_size(channels), "moments state of ", channels,
                " channels with ", site.mean.size(), " means and a scatter of ", site.scatter.size(), " values");
  expect_sound_sync(site.notes);
}

}  // namespace

std::unique_ptr<const resident_prediction> predict_resident_sync(const context& ctx, std::span<const moments_state* const> sites,
                                                                 std::span<const std::uint8_t> kept_position, compensation how,
                                                                 double lambda) {
  SIRFP_EXPECTS(!sites.empty(), "prediction of no site");
  SIRFP_EXPECTS(std::isfinite(lambda) && lambda >= 0, "lambda: ", lambda, ", expected a finite number, not negative");
  for (const moments_state* site : sites) check_site(*site, static_cast<std::int64_t>(kept_position.size()));
  if (sites.size() == 1 && sites.front()->scatter.lies_with(*ctx.memory))
    return ctx.backend->predict_sync(ctx, *sites.front(), kept_position, how, lambda);
  moments_state pooled = copied_sync(ctx, *sites.front());
  for (const moments_state* site : sites.subspan(1)) merge(ctx, pooled, copied_sync(ctx, *site));
  return ctx.backend->predict_sync(ctx, pooled, kept_position, how, lambda);
}

}  // namespace sirfp
