// What every allocator promises, and the figures that its tests look at.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "sirfp/allocation.hpp"

namespace sirfp::test {

inline std::int64_t width_of(const allocation& a, std::size_t group) {
  return std::accumulate(a.mask[group].begin(), a.mask[group].end(), std::int64_t{0});
}

inline double budget_of(const network_cost& cost, budget_kind kind) { return kind == budget_kind::flops ? cost.flops : cost.parameters; }

// METHOD 6, written anew: the multiples from the floor up, and the whole width.
inline std::vector<std::int64_t> allowed_widths(const channel_group& group, const allocation_options& options) {
  const std::int64_t step = group.channels >= 64 ? std::lcm<std::int64_t, std::int64_t>(options.round_to, group.blocks) : group.blocks;
  std::vector<std::int64_t> widths;
  for (std::int64_t w = step; w < group.channels; w += step)
    if (static_cast<double>(w) >= options.floor * static_cast<double>(group.channels)) widths.push_back(w);
  widths.push_back(group.channels);
  return widths;
}

inline void expect_valid(const cost_model& model, const channel_graph& graph, const allocation& a, const allocation_options& options) {
  ASSERT_EQ(a.mask.size(), graph.groups.size());
  for (std::size_t g = 0; g < a.mask.size(); ++g) {
    const channel_group& group = graph.groups[g];
    SCOPED_TRACE(group.name);
    ASSERT_EQ(static_cast<std::int64_t>(a.mask[g].size()), group.channels);
    if (group.locked) {
      EXPECT_EQ(width_of(a, g), group.channels);
      continue;
    }
    const auto widths = allowed_widths(group, options);
    EXPECT_TRUE(std::binary_search(widths.begin(), widths.end(), width_of(a, g))) << width_of(a, g) << " of " << group.channels;
    if (group.blocks == 1) continue;
    std::vector<std::int64_t> kept(static_cast<std::size_t>(group.blocks), 0);
    for (std::size_t c = 0; c < a.mask[g].size(); ++c) kept[static_cast<std::size_t>(group.block[c])] += a.mask[g][c];
    for (const std::int64_t k : kept) EXPECT_EQ(k, kept[0]);
  }
  EXPECT_EQ(budget_of(a.after, options.budget), budget_of(model.evaluate(a.mask), options.budget));
  EXPECT_LE(budget_of(a.after, options.budget), options.fraction * budget_of(a.before, options.budget));
}

}  // namespace sirfp::test
