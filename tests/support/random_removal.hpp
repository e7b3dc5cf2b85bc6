// Random removals from every group that may lose channels, and the plan that makes them.
#pragma once

#include <algorithm>
#include <numeric>
#include <random>

#include "sirfp/cost.hpp"
#include "sirfp/plan.hpp"

namespace sirfp::test {

// Every unlocked group with a channel to spare loses between one channel (one a block) and all but one.
inline channel_mask random_mask(const channel_graph& graph, std::mt19937_64& random) {
  channel_mask mask = full_mask(graph);
  for (std::size_t g = 0; g < graph.groups.size(); ++g) {
    const channel_group& group = graph.groups[g];
    const std::int64_t width = group.channels / group.blocks;
    if (group.locked || width < 2) continue;
    const std::int64_t removed = std::uniform_int_distribution<std::int64_t>(1, width - 1)(random);
    for (std::int64_t block = 0; block < group.blocks; ++block) {
      std::vector<std::size_t> members;
      for (std::size_t c = 0; c < static_cast<std::size_t>(group.channels); ++c)
        if (group.blocks == 1 || group.block[c] == block) members.push_back(c);
      std::shuffle(members.begin(), members.end(), random);
      for (std::size_t i = 0; i < static_cast<std::size_t>(removed); ++i) mask[g][members[i]] = 0;
    }
  }
  return mask;
}

inline plan plan_of(const op_list& network, const channel_graph& graph, const network_fingerprint& fingerprint, const channel_mask& mask) {
  const cost_model model(network, graph);
  plan p = make_plan(network, graph, {}, {mask, model.evaluate(full_mask(graph)), model.evaluate(mask), "random removals"});
  p.network = fingerprint;
  return p;
}

}  // namespace sirfp::test
