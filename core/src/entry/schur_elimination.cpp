#include "sirfp/schur_elimination.hpp"

#include <bit>
#include <cmath>
#include <vector>

#include "checks.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

void expect_matrix(const double* matrix, std::int64_t n, const char* name, std::size_t site) {
  SIRFP_EXPECTS(matrix != nullptr || n == 0, "site ", site, ": no ", name);
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint64_t odd = 0;  // bits of x - x: none but for NaN and infinity. A loop without a branch runs at the speed of memory
    for (std::int64_t j = 0; j <= i; ++j) odd |= std::bit_cast<std::uint64_t>(matrix[i * n + j] - matrix[i * n + j]);
    for (std::int64_t j = 0; odd != 0 && j <= i; ++j)
      SIRFP_EXPECTS(std::isfinite(matrix[i * n + j]), "site ", site, ": ", name, " (", i, ", ", j, ") is ", matrix[i * n + j],
                    ", expected a finite number");
    SIRFP_EXPECTS(matrix[i * n + i] >= 0, "site ", site, ": ", name, " (", i, ", ", i, ") is ", matrix[i * n + i], ", expected at least 0");
  }
}

void expect_site(const context& ctx, const schur_site& site, std::int64_t channels, std::size_t s) {
  SIRFP_EXPECTS(site.positions >= 0 && static_cast<std::int64_t>(site.channel.size()) == site.positions, "site ", s, ": ",
                site.channel.size(), " channels given, expected one for each of ", site.positions, " positions");
  for (std::size_t i = 0; i < site.channel.size(); ++i)
    SIRFP_EXPECTS(site.channel[i] >= -1 && site.channel[i] < channels, "site ", s, ": channel ", site.channel[i], " at position ", i,
                  ", expected -1 to ", channels - 1);
  if (site.space != memory_space::host) {  // the backend looks into them
    entry::check_space(text("site ", s), site.space, ctx.backend->space());
    for (const double* matrix : {site.covariance, site.metric})
      SIRFP_EXPECTS(site.positions == 0 || ctx.backend->reads(matrix), "site ", s, ": matrix at ", static_cast<const void*>(matrix),
                    ", which is not in the memory of backend ", ctx.backend->name(), "'s device");
    return;
  }
  expect_matrix(site.covariance, site.positions, "covariance", s);
  expect_matrix(site.metric, site.positions, "metric", s);
}

// Marks the channels of a forced list; each may be named once in both lists together.
void mark_forced(std::span<const std::int32_t> forced, const char* name, std::vector<std::uint8_t>& named) {
  const auto channels = static_cast<std::int64_t>(named.size());
  for (const std::int32_t c : forced) {
    SIRFP_EXPECTS(c >= 0 && c < channels, name, ": channel ", c, ", expected 0 to ", channels - 1);
    SIRFP_EXPECTS(named[static_cast<std::size_t>(c)] == 0, name, ": channel ", c, " is forced twice");
    named[static_cast<std::size_t>(c)] = 1;
  }
}

void expect_quotas(std::int64_t channels, const schur_options& options) {
  SIRFP_EXPECTS(options.stop_at == 0, "stop_at: ", options.stop_at, ", expected 0 beside quotas");
  std::int64_t free = 0;
  for (std::size_t q = 0; q < options.quotas.size(); ++q) {
    const schur_quota& quota = options.quotas[q];
    const std::int64_t last = std::int64_t{quota.first} + quota.channels;
    SIRFP_EXPECTS(quota.first >= free && quota.channels >= 0 && last <= channels, "quota ", q, ": channels ", quota.first, " to ", last - 1,
                  ", expected a range in ", free, " to ", channels - 1);
    std::int64_t forced = 0;
    for (const std::int32_t c : options.forced_out) forced += c >= quota.first && c < last ? 1 : 0;
    SIRFP_EXPECTS(quota.remove >= forced && quota.remove <= quota.channels, "quota ", q, ": ", quota.remove,
                  " channels to remove, expected ", forced, " (those forced out) to ", quota.channels);
    free = last;
  }
}

}  // namespace

schur_elimination eliminate_joint(const context& ctx, std::int64_t channels, std::span<const schur_site> sites,
                                  const schur_options& options) {
  SIRFP_EXPECTS(channels >= 0 && channels <= INT32_MAX, "channels: ", channels, ", expected 0 to ", INT32_MAX);
  SIRFP_EXPECTS(std::isfinite(options.lambda) && options.lambda >= 0, "lambda: ", options.lambda,
                ", expected a finite number, not negative");
  SIRFP_EXPECTS(!std::isnan(options.cost_limit), "cost limit: not a number");
  SIRFP_EXPECTS(options.panel >= 0, "panel: ", options.panel, ", expected at least 0");
  std::vector<std::uint8_t> named(static_cast<std::size_t>(channels), 0);
  mark_forced(options.forced_in, "forced in", named);
  mark_forced(options.forced_out, "forced out", named);
  if (options.quotas.empty()) {
    const std::int64_t most = channels - static_cast<std::int64_t>(options.forced_out.size());
    SIRFP_EXPECTS(options.stop_at >= 0 && options.stop_at <= most, "stop_at: ", options.stop_at, ", expected 0 to ", most,
                  " (the channels not forced out)");
  } else {
    expect_quotas(channels, options);
  }
  for (std::size_t s = 0; s < sites.size(); ++s) expect_site(ctx, sites[s], channels, s);
  return ctx.backend->eliminate_joint(ctx, channels, sites, options);
}

}  // namespace sirfp
