#include "sirfp/predictors.hpp"

#include <algorithm>
#include <cmath>

#include "sirfp/compensation.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

constexpr std::size_t predictors_shown = 3;
// Values that are all equal still differ from their mean by its rounding.
constexpr double rounding = 1e-20;

double variance_of(const moments& measured, std::int64_t position) {
  return measured.covariance[static_cast<std::size_t>(packed_index(position, position))];
}

bool varies(const moments& measured, std::int64_t position) {
  const double mean = measured.mean[static_cast<std::size_t>(position)];
  return variance_of(measured, position) > rounding * mean * mean;
}

double covariance_of(const moments& measured, std::int32_t i, std::int32_t j) {
  return measured.covariance[static_cast<std::size_t>(i < j ? packed_index(j, i) : packed_index(i, j))];
}

double explained_share(const moments& measured, const site_prediction& prediction, std::size_t r) {
  const std::int32_t removed = prediction.removed[r];
  if (!varies(measured, removed)) return 1;
  double explained = 0;
  for (std::size_t k = 0; k < prediction.kept.size(); ++k)
    explained += prediction.matrix[r * prediction.kept.size() + k] * covariance_of(measured, removed, prediction.kept[k]);
  return std::clamp(explained / variance_of(measured, removed), 0.0, 1.0);
}

std::vector<predictor> strongest(const consumer_site& site, const moments& measured, const site_prediction& prediction, std::size_t r) {
  const std::size_t kept = prediction.kept.size();
  const double* a = prediction.matrix.data() + r * kept;
  std::vector<std::size_t> by_strength;
  for (std::size_t k = 0; k < kept; ++k)
    if (a[k] != 0 && site.layout[static_cast<std::size_t>(prediction.kept[k])].group >= 0) by_strength.push_back(k);
  const auto strength = [&](std::size_t k) { return std::fabs(a[k]) * std::sqrt(variance_of(measured, prediction.kept[k])); };
  std::stable_sort(by_strength.begin(), by_strength.end(), [&](std::size_t x, std::size_t y) { return strength(x) > strength(y); });
  by_strength.resize(std::min(by_strength.size(), predictors_shown));
  std::vector<predictor> found;
  found.reserve(by_strength.size());
  for (const std::size_t k : by_strength) found.push_back({site.layout[static_cast<std::size_t>(prediction.kept[k])], a[k]});
  return found;
}

}  // namespace

std::vector<predicted_channel> best_predicted(const consumer_site& site, const moments& measured, const channel_mask& mask,
                                              std::int32_t group, std::size_t count, double lambda) {
  SIRFP_EXPECTS(measured.channels == static_cast<std::int64_t>(site.layout.size()), "moments of site ", site.name, ": ", measured.channels,
                " channels, expected ", site.layout.size());
  std::vector<std::uint8_t> kept;
  for (const channel_ref c : site.layout) kept.push_back(is_kept(c, mask) ? 1 : 0);
  const site_prediction prediction = predict_removed(measured, kept, compensation::least_squares, lambda);
  std::vector<predicted_channel> all;
  std::vector<std::size_t> row;  // of the prediction, by place in `all`
  for (std::size_t r = 0; r < prediction.removed.size(); ++r) {
    const channel_ref c = site.layout[static_cast<std::size_t>(prediction.removed[r])];
    const bool seen = std::any_of(all.begin(), all.end(), [&](const predicted_channel& one) { return one.channel == c.channel; });
    if (c.group != group || seen) continue;
    all.push_back({c.channel, explained_share(measured, prediction, r), {}});
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
    result.back().by = strongest(site, measured, prediction, row[i]);
  }
  return result;
}

std::vector<unvarying_channel> unvarying_channels(const channel_graph& graph, const std::map<std::string, moments>& sites) {
  struct readings {
    bool constant = false;
    std::string varies_at;
  };
  std::map<std::pair<std::int32_t, std::int32_t>, readings> found;
  for (const consumer_site& site : graph.sites) {
    const auto measured = sites.find(site.name);
    if (measured == sites.end()) continue;
    for (std::size_t i = 0; i < site.layout.size(); ++i) {
      if (site.layout[i].group < 0) continue;
      readings& channel = found[{site.layout[i].group, site.layout[i].channel}];
      if (!varies(measured->second, static_cast<std::int64_t>(i)))
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
