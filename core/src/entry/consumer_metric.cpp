#include "sirfp/consumer_metric.hpp"

#include <algorithm>
#include <cmath>

#include "checks.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void check(const context& ctx, const consumer_weight& c, const site_matrices& site) {
  SIRFP_EXPECTS(c.outputs >= 0 && c.inputs >= 0 && c.taps >= 0, "consumer weight of ", c.outputs, " x ", c.inputs, " x ", c.taps);
  SIRFP_EXPECTS(c.values.size() == at(c.outputs * c.inputs * c.taps), "consumer weight of ", c.outputs, " x ", c.inputs, " x ", c.taps,
                " with ", c.values.size(), " values");
  SIRFP_EXPECTS(c.norm_gain.empty() || c.norm_gain.size() == at(c.outputs), c.norm_gain.size(), " norm gains for ", c.outputs, " outputs");
  SIRFP_EXPECTS(site.positions == c.inputs, "consumer weight of ", c.inputs, " inputs at a site of ", site.positions, " positions");
  SIRFP_EXPECTS(site.covariance.size() == c.inputs * c.inputs && site.metric.size() == c.inputs * c.inputs, "site of ", site.positions,
                " positions with ", site.covariance.size(), " covariances and ", site.metric.size(), " metric entries");
  if (c.inputs != 0) entry::check_space("site matrices", site.covariance.space(), ctx.backend->space());
  const auto bad = std::find_if(c.values.begin(), c.values.end(), [](double v) { return !std::isfinite(v); });
  SIRFP_EXPECTS(bad == c.values.end(), "consumer weight element ", bad - c.values.begin(), " is not finite");
  const auto bad_gain = std::find_if(c.norm_gain.begin(), c.norm_gain.end(), [](double v) { return !(std::isfinite(v) && v >= 0); });
  SIRFP_EXPECTS(bad_gain == c.norm_gain.end(), "norm gain ", bad_gain - c.norm_gain.begin(), " is ", *bad_gain,
                ", expected a finite number, not negative (BatchNorm variance + eps is 0?)");
}

}  // namespace

site_matrices site_matrices_sync(const context& ctx, const moments_state& site) {
  return {site.channels, covariance_sync(ctx, site), buffer(ctx.memory, site.channels * site.channels)};
}

void add_consumer_metric(const context& ctx, const consumer_weight& consumer, site_matrices& site) {
  check(ctx, consumer, site);
  if (consumer.values.empty()) return;
  ctx.backend->add_consumer_metric(ctx, consumer, site);
}

}  // namespace sirfp
