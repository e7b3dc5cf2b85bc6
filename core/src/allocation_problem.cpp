#include "allocation_problem.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sirfp/expects.hpp"
#include "sirfp/glob.hpp"
#include "sirfp/nearest.hpp"

namespace sirfp {
namespace {

const char* name_of(budget_kind kind) { return kind == budget_kind::flops ? "FLOPs" : "parameters"; }

void check_options(const allocation_options& options) {
  const double f = options.fraction;
  SIRFP_EXPECTS(!(f > 1 && f <= 100), name_of(options.budget), " budget ", f, ": expected the share that remains, in (0, 1]; did you mean ",
                f / 100, "?");
  SIRFP_EXPECTS(f > 0 && f <= 1, name_of(options.budget), " budget ", f, ": expected the share that remains, in (0, 1]");
  SIRFP_EXPECTS(options.round_to >= 1, "widths rounded to ", options.round_to, ": expected at least 1");
  SIRFP_EXPECTS(options.floor >= 0 && options.floor <= 1, "floor ", options.floor, ": expected a share in [0, 1]");
  SIRFP_EXPECTS(!options.percentile_scan || options.allocate == allocator::threshold,
                "percentile scan: goes with the threshold allocator only");
}

scored_unit sorted_unit(const channel_graph& graph, const ranked_unit& unit) {
  SIRFP_EXPECTS(unit.group >= 0 && unit.group < static_cast<std::int32_t>(graph.groups.size()), "ranking ", unit.name, ": group ",
                unit.group, " is not in the channel graph");
  SIRFP_EXPECTS(unit.scores.size() == unit.order.size(), "ranking ", unit.name, ": ", unit.order.size(), " channels, ", unit.scores.size(),
                " scores");
  const auto channels = graph.groups[static_cast<std::size_t>(unit.group)].channels;
  scored_unit sorted{unit.group, unit.backbone, {}, {}};
  std::vector<std::size_t> places(unit.order.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  for (const std::size_t place : places) {
    SIRFP_EXPECTS(unit.order[place] >= 0 && unit.order[place] < channels, "ranking ", unit.name, ": channel ", unit.order[place], " of ",
                  channels);
    SIRFP_EXPECTS(std::isfinite(unit.scores[place]), "ranking ", unit.name, ": score of channel ", unit.order[place], " is not finite");
  }
  std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) { return unit.scores[a] < unit.scores[b]; });
  for (const std::size_t place : places) {
    sorted.channels.push_back(unit.order[place]);
    sorted.scores.push_back(unit.scores[place]);
  }
  return sorted;
}

std::vector<std::vector<std::int32_t>> by_best_score(const channel_group& group, const std::vector<scored_unit>& units,
                                                     const std::vector<std::size_t>& members) {
  const auto channels = static_cast<std::size_t>(group.channels);
  std::vector<double> best(channels, -HUGE_VAL);
  std::vector<std::size_t> votes(channels, 0);
  std::vector<std::size_t> place(channels, 0);  // in the only unit; 0 where there are several
  for (const std::size_t u : members)
    for (std::size_t i = 0; i < units[u].channels.size(); ++i) {
      const auto c = static_cast<std::size_t>(units[u].channels[i]);
      best[c] = std::max(best[c], units[u].scores[i]);
      place[c] = ++votes[c] == 1 ? i : 0;
    }
  std::vector<std::vector<std::int32_t>> sorted(static_cast<std::size_t>(group.blocks));
  for (std::size_t c = 0; c < channels; ++c) {
    SIRFP_EXPECTS(votes[c] > 0, "group ", group.name, ": channel ", c, " is not in the ranking");
    sorted[group.blocks == 1 ? 0 : static_cast<std::size_t>(group.block[c])].push_back(static_cast<std::int32_t>(c));
  }
  for (auto& block : sorted)
    std::stable_sort(block.begin(), block.end(), [&](std::int32_t a, std::int32_t b) {
      const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
      return best[i] != best[j] ? best[i] < best[j] : place[i] < place[j];
    });
  return sorted;
}

bool matches(const std::string& pattern, const channel_group& group) {
  return glob_matches(pattern, group.name) || std::any_of(group.producers.begin(), group.producers.end(),
                                                          [&](const std::string& place) { return glob_matches(pattern, place); });
}

// Of several patterns that match a group the last one counts, as on a command line.
void apply_overrides(allocation_problem& problem) {
  std::vector<std::string> names;
  for (const channel_group& group : problem.graph.groups) names.push_back(group.name);
  for (const auto& [pattern, share] : problem.options.keep) {
    SIRFP_EXPECTS(share > 0 && share <= 1, "keep ", pattern, "=", share, ": expected a share in (0, 1]");
    bool matched = false;
    for (prunable_group& group : problem.groups) {
      if (!matches(pattern, problem.graph.groups[static_cast<std::size_t>(group.group)])) continue;
      matched = true;
      group.fixed = group.grid.nearest(share * static_cast<double>(group.channels));
    }
    const auto locked = std::find_if(problem.graph.groups.begin(), problem.graph.groups.end(),
                                     [&pattern = pattern](const channel_group& g) { return g.locked && matches(pattern, g); });
    const bool only_locked = !matched && locked != problem.graph.groups.end();
    SIRFP_EXPECTS(!only_locked || share == 1, "keep ", pattern, "=", share, ": group ", locked->name, " is locked: ", locked->lock_reason);
    SIRFP_EXPECTS(matched || only_locked, "keep ", pattern, "=", share, ": no group has that name; nearest: ", nearest(pattern, names));
  }
}

// Names the widest of the locked groups: the input's three channels are locked in every network.
[[noreturn]] void throw_nothing_to_prune(const channel_graph& graph) {
  const auto widest = std::max_element(graph.groups.begin(), graph.groups.end(),
                                       [](const channel_group& a, const channel_group& b) { return a.channels < b.channels; });
  if (widest == graph.groups.end()) throw invalid_argument("network has no prunable group: it has no channels that are known");
  throw invalid_argument(
      text("network has no prunable group: all ", graph.groups.size(), " are locked, ", widest->name, " by: ", widest->lock_reason));
}

}  // namespace

double allocation_problem::cost_of(const channel_mask& mask) const {
  const network_cost cost = model.evaluate(mask);
  return options.budget == budget_kind::flops ? cost.flops : cost.parameters;
}

void allocation_problem::keep_best(const prunable_group& group, std::int64_t width, channel_mask& mask) const {
  auto& kept = mask[static_cast<std::size_t>(group.group)];
  std::fill(kept.begin(), kept.end(), std::uint8_t{0});
  const auto share = static_cast<std::ptrdiff_t>(width / static_cast<std::int64_t>(group.by_score.size()));
  for (const auto& block : group.by_score)
    for (auto channel = block.end() - share; channel != block.end(); ++channel) kept[static_cast<std::size_t>(*channel)] = 1;
}

channel_mask allocation_problem::start() const {
  channel_mask mask = full_mask(graph);
  for (const prunable_group& group : groups)
    if (group.fixed >= 0) keep_best(group, group.fixed, mask);
  return mask;
}

void allocation_problem::throw_unreachable(const channel_mask& smallest) const {
  const double whole = options.budget == budget_kind::flops ? dense.flops : dense.parameters;
  const double least = cost_of(smallest);
  const auto fixed = std::count_if(groups.begin(), groups.end(), [](const prunable_group& g) { return g.fixed >= 0; });
  std::string bounds = text("; ", graph.groups.size() - groups.size(), " of ", graph.groups.size(), " groups are locked");
  if (fixed > 0) bounds += text(", ", fixed, " are set by keep");
  if (fixed < static_cast<std::ptrdiff_t>(groups.size())) bounds += ", every other one is at its floor";
  throw invalid_argument(text(name_of(options.budget), " budget ", options.fraction, " is unreachable: the smallest reachable is ",
                              std::ceil(least / whole * 1e4) / 1e4, " (", least, " of ", whole, " ", name_of(options.budget), ")", bounds));
}

allocation_problem make_problem(const cost_model& model, const channel_graph& graph, const std::vector<ranked_unit>& ranking,
                                const allocation_options& options) {
  check_options(options);
  allocation_problem problem{model, graph, options, {}, {}, model.evaluate(full_mask(graph)), 0};
  problem.target = options.fraction * (options.budget == budget_kind::flops ? problem.dense.flops : problem.dense.parameters);
  for (const ranked_unit& unit : ranking) problem.units.push_back(sorted_unit(graph, unit));
  for (std::size_t g = 0; g < graph.groups.size(); ++g) {
    const channel_group& group = graph.groups[g];
    if (group.locked) continue;
    std::vector<std::size_t> members;
    for (std::size_t u = 0; u < problem.units.size(); ++u)
      if (problem.units[u].group == static_cast<std::int32_t>(g)) members.push_back(u);
    auto by_score = by_best_score(group, problem.units, members);
    problem.groups.push_back({static_cast<std::int32_t>(g), group.channels, width_grid(group.channels, group.blocks, options),
                              std::move(members), std::move(by_score), -1});
  }
  if (problem.groups.empty()) throw_nothing_to_prune(graph);
  apply_overrides(problem);
  return problem;
}

}  // namespace sirfp
