// A global threshold over the scores of two pools, backbone and rest, whose percentiles move together.
#include <algorithm>
#include <array>

#include "allocation_problem.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

struct pooled_score {
  double score = 0;
  std::size_t unit = 0;
};

// pools[0]: backbone, pools[1]: rest; lowest score first, equal scores by unit.
struct score_pools {
  std::array<std::vector<pooled_score>, 2> pools;
};

score_pools pools_of(const allocation_problem& problem) {
  score_pools made;
  for (const prunable_group& group : problem.groups)
    for (const std::size_t u : group.units)
      if (group.fixed < 0)
        for (const double score : problem.units[u].scores) made.pools[problem.units[u].backbone ? 0 : 1].push_back({score, u});
  for (auto& pool : made.pools) std::stable_sort(pool.begin(), pool.end(), [](const auto& a, const auto& b) { return a.score < b.score; });
  return made;
}

// The share of each pool that is cut, as an exact fraction.
struct share {
  std::uint64_t part = 0;
  std::uint64_t whole = 1;
  std::size_t of(std::size_t count) const { return static_cast<std::size_t>(part * count / whole); }
  bool operator<(const share& other) const { return part * other.whole < other.part * whole; }
  bool operator==(const share& other) const { return part * other.whole == other.part * whole; }
};

std::vector<share> distinct_shares(const score_pools& scores) {
  std::vector<share> shares = {{0, 1}, {1, 1}};
  for (const auto& pool : scores.pools)
    for (std::size_t i = 1; i < pool.size(); ++i) shares.push_back({i, pool.size()});
  std::sort(shares.begin(), shares.end());
  shares.erase(std::unique(shares.begin(), shares.end()), shares.end());
  return shares;
}

// Channels of `group` that some unit keeps, when unit u keeps its `kept[u]` best.
std::vector<std::uint8_t> union_of(const allocation_problem& problem, const prunable_group& group, const std::vector<std::size_t>& kept) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(group.channels), 0);
  for (const std::size_t u : group.units) {
    const auto& channels = problem.units[u].channels;
    for (std::size_t i = channels.size() - kept[u]; i < channels.size(); ++i) mask[static_cast<std::size_t>(channels[i])] = 1;
  }
  return mask;
}

std::int64_t count(const std::vector<std::uint8_t>& mask) { return std::count(mask.begin(), mask.end(), std::uint8_t{1}); }

channel_mask cut(const allocation_problem& problem, const score_pools& scores, share removed) {
  std::vector<std::size_t> kept(problem.units.size());
  for (std::size_t u = 0; u < kept.size(); ++u) kept[u] = problem.units[u].channels.size();
  for (const auto& pool : scores.pools)
    for (std::size_t i = 0; i < removed.of(pool.size()); ++i) --kept[pool[i].unit];
  channel_mask mask = problem.start();
  for (const prunable_group& group : problem.groups)
    if (group.fixed < 0) problem.keep_best(group, group.grid.nearest(static_cast<double>(count(union_of(problem, group, kept)))), mask);
  return mask;
}

std::string thresholds(const score_pools& scores, const std::array<std::size_t, 2>& last_cut) {
  std::string note;
  for (std::size_t p = 0; p < 2; ++p)
    if (!scores.pools[p].empty()) note += text(", threshold ", scores.pools[p][last_cut[p]].score, p == 0 ? " (backbone)" : " (rest)");
  return note;
}

// The authors' step: strictly above the threshold, at least max(1, int(floor * n)) in every layer, the union of a group's layers.
channel_mask above(const allocation_problem& problem, const std::array<double, 2>& threshold) {
  std::vector<std::size_t> kept(problem.units.size());
  for (std::size_t u = 0; u < kept.size(); ++u) {
    const auto& scores = problem.units[u].scores;
    const auto passing = scores.end() - std::upper_bound(scores.begin(), scores.end(), threshold[problem.units[u].backbone ? 0 : 1]);
    const auto least = std::max<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(problem.options.floor * static_cast<double>(scores.size())));
    kept[u] = static_cast<std::size_t>(std::max(passing, least));
  }
  channel_mask mask = problem.start();
  for (const prunable_group& group : problem.groups) {
    if (group.fixed >= 0) continue;
    auto& chosen = mask[static_cast<std::size_t>(group.group)];
    chosen = union_of(problem, group, kept);
    // Blocks must be equal and widths on the grid: the next best are added, none is taken away.
    std::int64_t widest = 0;
    const auto in_mask = [&](std::int32_t c) { return chosen[static_cast<std::size_t>(c)] != 0; };
    for (const auto& block : group.by_score) widest = std::max<std::int64_t>(widest, std::count_if(block.begin(), block.end(), in_mask));
    const auto blocks = static_cast<std::int64_t>(group.by_score.size());
    const bool as_found = blocks == 1 && problem.options.round_to == 1;
    const std::int64_t each = as_found ? widest : group.grid.at_least(widest * blocks) / blocks;
    for (const auto& block : group.by_score) {
      std::int64_t missing = each - std::count_if(block.begin(), block.end(), in_mask);
      for (auto channel = block.rbegin(); channel != block.rend() && missing > 0; ++channel)
        if (!in_mask(*channel)) chosen[static_cast<std::size_t>(*channel)] = 1, --missing;
    }
  }
  return mask;
}

}  // namespace

chosen_widths allocate_threshold(const allocation_problem& problem) {
  const score_pools scores = pools_of(problem);
  const std::vector<share> shares = distinct_shares(scores);
  if (channel_mask all = cut(problem, scores, shares.front()); problem.meets(all)) return {std::move(all), "percentile 0: nothing to cut"};
  if (const channel_mask smallest = cut(problem, scores, shares.back()); !problem.meets(smallest)) problem.throw_unreachable(smallest);
  std::size_t exceeds = 0, meets = shares.size() - 1;
  while (meets - exceeds > 1) {
    const std::size_t middle = exceeds + (meets - exceeds) / 2;
    (problem.meets(cut(problem, scores, shares[middle])) ? meets : exceeds) = middle;
  }
  const share found = shares[meets];
  std::array<std::size_t, 2> last_cut{};
  for (std::size_t p = 0; p < 2; ++p) last_cut[p] = std::max<std::size_t>(found.of(scores.pools[p].size()), 1) - 1;
  return {cut(problem, scores, found),
          text("percentile ", static_cast<double>(found.part) / static_cast<double>(found.whole), thresholds(scores, last_cut))};
}

chosen_widths scan_percentiles(const allocation_problem& problem) {
  const score_pools scores = pools_of(problem);
  if (channel_mask all = problem.start(); problem.meets(all)) return {std::move(all), "percentile 0: nothing to cut"};
  channel_mask mask;
  for (std::size_t fiftieths = 25; fiftieths <= 50; ++fiftieths) {  // 0.5, 0.52, ... 1
    std::array<double, 2> threshold{};
    std::array<std::size_t, 2> at{};
    for (std::size_t p = 0; p < 2; ++p) {
      const auto& pool = scores.pools[p];
      if (pool.empty()) continue;
      at[p] = std::min(pool.size() - 1, pool.size() * fiftieths / 50);
      threshold[p] = pool[at[p]].score;
    }
    mask = above(problem, threshold);
    if (problem.meets(mask)) return {std::move(mask), text("percentile ", static_cast<double>(fiftieths) / 50, thresholds(scores, at))};
  }
  problem.throw_unreachable(mask);
}

}  // namespace sirfp
