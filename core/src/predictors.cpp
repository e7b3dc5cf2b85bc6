#include "sirfp/predictors.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "sirfp/backend.hpp"
#include "sirfp/compensation.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

constexpr std::size_t predictors_shown = 3;
// Values that are all equal still differ from their mean by its rounding.
constexpr double rounding = 1e-20;

// Mean and variance of every position.
struct position_spread {
  position_spread(const context& ctx, const moments_state& measured)
      : mean(measured.mean.to_host_sync()), variance(variances_sync(ctx, measured)) {}
  bool varies(std::size_t position) const { return variance[position] > rounding * mean[position] * mean[position]; }
  std::vector<double> mean, variance;
};

// `weights` of the positions `kept`.
std::vector<predictor> strongest(const consumer_site& site, const position_spread& spread, std::span<const std::size_t> kept,
                                 std::span<const double> weights) {
  std::vector<std::size_t> by_strength;
  for (std::size_t k = 0; k < kept.size(); ++k)
    if (weights[k] != 0 && site.layout[kept[k]].group >= 0) by_strength.push_back(k);
  const auto strength = [&](std::size_t k) { return std::fabs(weights[k]) * std::sqrt(spread.variance[kept[k]]); };
  std::stable_sort(by_strength.begin(), by_strength.end(), [&](std::size_t x, std::size_t y) { return strength(x) > strength(y); });
  by_strength.resize(std::min(by_strength.size(), predictors_shown));
  std::vector<predictor> found;
  found.reserve(by_strength.size());
  for (const std::size_t k : by_strength) found.push_back({site.layout[kept[k]], weights[k]});
  return found;
}

}  // namespace

std::vector<predicted_channel> best_predicted_sync(const context& ctx, const consumer_site& site, const moments_state& measured,
                                                   const channel_mask& mask, std::int32_t group, std::size_t count, double lambda) {
  SIRFP_EXPECTS(measured.channels == static_cast<std::int64_t>(site.layout.size()), "moments of site ", site.name, ": ", measured.channels,
                " channels, expected ", site.layout.size());
  if (!measured.scatter.lies_with(*ctx.memory))
    return best_predicted_sync(ctx, site, copied_sync(ctx, measured), mask, group, count, lambda);
  std::vector<std::uint8_t> kept_position;
  std::vector<std::size_t> kept, removed;
  for (std::size_t i = 0; i < site.layout.size(); ++i) {
    kept_position.push_back(is_kept(site.layout[i], mask) ? 1 : 0);
    (kept_position.back() != 0 ? kept : removed).push_back(i);
  }
  const moments_state* const only[] = {&measured};
  const auto prediction = predict_resident_sync(ctx, only, kept_position, compensation::least_squares, lambda);
  const position_spread spread(ctx, measured);
  const std::vector<double> explained = prediction->explained_sync(measured);

  std::vector<predicted_channel> all;
  std::vector<std::size_t> row;  // of the prediction, by place in `all`
  for (std::size_t r = 0; r < removed.size(); ++r) {
    const channel_ref c = site.layout[removed[r]];
    const bool seen = std::any_of(all.begin(), all.end(), [&](const predicted_channel& one) { return one.channel == c.channel; });
    if (c.group != group || seen) continue;
    const double share = spread.varies(removed[r]) ? std::clamp(explained[r] / spread.variance[removed[r]], 0.0, 1.0) : 1;
    all.push_back({c.channel, share, {}});
    row.push_back(r);
  }
  std::vector<std::size_t> best(all.size());
  for (std::size_t i = 0; i < best.size(); ++i) best[i] = i;
  std::stable_sort(best.begin(), best.end(), [&](std::size_t x, std::size_t y) {
    return all[x].explained != all[y].explained ? all[x].explained > all[y].explained : all[x].channel < all[y].channel;
  });
  best.resize(std::min(best.size(), count));
  std::vector<predicted_channel> result;
  for (const std::size_t i : best) {
    result.push_back(std::move(all[i]));
    result.back().by = strongest(site, spread, kept, prediction->row_sync(static_cast<std::int64_t>(row[i])));
  }
  return result;
}

std::vector<unvarying_channel> unvarying_channels_sync(const context& ctx, const channel_graph& graph,
                                                       const std::map<std::string, moments_state>& sites) {
  struct readings {
    bool constant = false;
    std::string varies_at;
  };
  std::map<std::pair<std::int32_t, std::int32_t>, readings> found;
  for (const consumer_site& site : graph.sites) {
    const auto measured = sites.find(site.name);
    if (measured == sites.end()) continue;
    const position_spread spread(ctx, measured->second);
    for (std::size_t i = 0; i < site.layout.size(); ++i) {
      if (site.layout[i].group < 0) continue;
      readings& channel = found[{site.layout[i].group, site.layout[i].channel}];
      if (!spread.varies(i))
        channel.constant = true;
      else if (channel.varies_at.empty())
        channel.varies_at = site.name;
    }
  }
  std::vector<unvarying_channel> result;
  for (const auto& [channel, read] : found)
    if (read.constant) result.push_back({{channel.first, channel.second}, read.varies_at});
  return result;
}

}  // namespace sirfp
