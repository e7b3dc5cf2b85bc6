#include <algorithm>
#include <cmath>

#include "sirfp/expects.hpp"
#include "sirfp/ranking.hpp"

namespace sirfp {

std::vector<ranked_unit> rank_by_scores(const channel_graph& graph, const std::vector<std::vector<double>>& scores) {
  SIRFP_EXPECTS(scores.size() == graph.groups.size(), "scores of ", scores.size(), " groups, expected ", graph.groups.size());
  std::vector<ranked_unit> units;
  for (std::size_t g = 0; g < graph.groups.size(); ++g) {
    const channel_group& group = graph.groups[g];
    const std::vector<double>& score = scores[g];
    SIRFP_EXPECTS(static_cast<std::int64_t>(score.size()) == group.channels, "group ", group.name, ": ", score.size(), " scores, expected ",
                  group.channels);
    for (const double s : score) SIRFP_EXPECTS(std::isfinite(s), "group ", group.name, ": score ", s, ", expected a finite number");
    if (group.locked) continue;
    for (std::int64_t block = 0; block < group.blocks; ++block) {
      ranked_unit unit;
      unit.group = static_cast<std::int32_t>(g);
      unit.name = group.blocks == 1 ? group.name : text(group.name, "/", block);
      for (std::int32_t channel = 0; channel < group.channels; ++channel)
        if (group.blocks == 1 || group.block[static_cast<std::size_t>(channel)] == block) unit.order.push_back(channel);
      const auto score_of = [&](std::int32_t channel) { return score[static_cast<std::size_t>(channel)]; };
      std::stable_sort(unit.order.begin(), unit.order.end(), [&](std::int32_t a, std::int32_t b) { return score_of(a) < score_of(b); });
      for (const std::int32_t channel : unit.order) unit.scores.push_back(score_of(channel));
      unit.marginals.assign(unit.order.size(), 0);
      units.push_back(std::move(unit));
    }
  }
  return units;
}

}  // namespace sirfp
