// Widths from a budget (METHOD 6).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sirfp/channel_graph.hpp"
#include "sirfp/cost.hpp"
#include "sirfp/ranking.hpp"

namespace sirfp {

enum class budget_kind : std::uint8_t { flops, parameters };
enum class allocator : std::uint8_t { uniform, threshold };

struct allocation_options {
  budget_kind budget = budget_kind::flops;
  double fraction = 0.5;  // of the dense cost that may remain, in (0, 1]
  allocator allocate = allocator::uniform;
  int round_to = 8;              // for groups of at least 64 channels; 1 elsewhere
  double floor = 0.02;           // each group keeps at least max(1, floor * C), rounded up to the multiple
  bool percentile_scan = false;  // threshold: the authors' scan, percentiles 0.5 -> 1.0 in steps of 0.02 of two pools, instead of bisection
  std::vector<std::pair<std::string, double>> keep;  // --keep PATTERN=F: exact share of the groups that match, outside the search
};

struct allocation {
  channel_mask mask;
  network_cost before;
  network_cost after;
  std::string note;  // what the search ended on ("ratio 0.6875", "percentile 0.62, threshold -0.031"), for the plan
};

// Meets the target: the cost is at or below it, and undoing the last step would exceed it (percentile_scan: first percentile at or below).
// Every block of a group keeps the same number. Kept are the highest scores; equal scores go in the order of elimination. Where a group
// has several units (one a layer), a channel counts with its best score, which keeps the union of the layers' best; the percentile scan
// takes the union of the layers' masks as the authors do, with their floor max(1, int(floor * C)) in every layer.
// Throws invalid_argument: a fraction outside (0, 1], an unreachable target (names the
// smallest reachable fraction), a keep pattern that matches no group.
allocation allocate_widths(const cost_model& model, const channel_graph& graph, const std::vector<ranked_unit>& ranking,
                           const allocation_options& options);

}  // namespace sirfp
