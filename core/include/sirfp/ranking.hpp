// Rankings: in which order each group would lose its channels, under a criterion.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sirfp/calibration_state.hpp"
#include "sirfp/channel_graph.hpp"

namespace sirfp {

enum class redundancy_scale : std::uint8_t { reference, resolution_neutral, cosine };
enum class coupling : std::uint8_t { sum, mask_union };  // one matrix a group, or one mask a layer and their union (the authors')

struct ranking_options {
  redundancy_scale scale = redundancy_scale::reference;
  coupling coupled = coupling::sum;
  double edge_weight = 0;        // prior = edge_weight * edge for layers whose name starts with `backbone`
  std::string backbone;          // name prefix; empty: every layer is backbone
};

// One thing that is ranked: the channels of a group, or of one of its blocks, or (mask_union) of one layer.
struct ranked_unit {
  std::int32_t group = -1;
  std::string name;                   // group, "group/block" or layer
  bool backbone = false;
  std::vector<std::int32_t> order;    // channels of the group, first to be removed first
  std::vector<double> marginals;      // by place in the order
  std::vector<double> scores;         // by place in the order: prior - marginal
};

// Pairwise ranking (METHOD 3, 5) of every group that is not locked. A group without an observed layer is an error that names it.
// Resolution-neutral scale needs the pixels a map had: taken from the op list's shapes.
std::vector<ranked_unit> rank_pairwise(const context& ctx, const op_list& network, const channel_graph& graph, const calibration_state& state,
                                       const ranking_options& options);

}  // namespace sirfp
