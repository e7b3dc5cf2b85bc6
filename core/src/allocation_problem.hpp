// What every allocator works on: groups with their allowed widths, channels sorted by score, and the exact cost of a choice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sirfp/allocation.hpp"
#include "width_grid.hpp"

namespace sirfp {

// Channels and scores of one ranked unit, lowest score first; equal scores in the order of elimination.
struct scored_unit {
  std::int32_t group = -1;
  bool backbone = false;
  std::vector<std::int32_t> channels;
  std::vector<double> scores;
};

struct prunable_group {
  std::int32_t group = -1;
  std::int64_t channels = 0;
  width_grid grid;
  std::vector<std::size_t> units;
  // Per block, first to be removed first: by the best score that any unit gives the channel (so that of a group with one unit a layer,
  // the top of this list is the union of the layers' tops), then by elimination order of the only unit or lowest index.
  std::vector<std::vector<std::int32_t>> by_score;
  std::int64_t fixed = -1;  // width that an override sets, outside the search
};

struct allocation_problem {
  const cost_model& model;
  const channel_graph& graph;
  const allocation_options& options;
  std::vector<scored_unit> units;
  std::vector<prunable_group> groups;
  network_cost dense;
  double target = 0;  // of cost_of

  double cost_of(const channel_mask& mask) const;
  bool meets(const channel_mask& mask) const { return cost_of(mask) <= target; }
  // Keeps the best `width` channels (a width of the group's grid), the same number in every block.
  void keep_best(const prunable_group& group, std::int64_t width, channel_mask& mask) const;
  // All channels, but for the groups that an override fixes.
  channel_mask start() const;
  // Throws: `smallest` is the cheapest mask that the search could make.
  [[noreturn]] void throw_unreachable(const channel_mask& smallest) const;
};

// Checks options and ranking. Throws invalid_argument.
allocation_problem make_problem(const cost_model& model, const channel_graph& graph, const std::vector<ranked_unit>& ranking,
                                const allocation_options& options);

// What an allocator found.
struct chosen_widths {
  channel_mask mask;
  std::string note;
};
chosen_widths allocate_uniform(const allocation_problem& problem);
chosen_widths allocate_threshold(const allocation_problem& problem);
chosen_widths scan_percentiles(const allocation_problem& problem);

}  // namespace sirfp
