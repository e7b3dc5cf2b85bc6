// Rankings: in which order each group would lose its channels, under a criterion.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sirfp/calibration_state.hpp"
#include "sirfp/channel_graph.hpp"
#include "sirfp/redundancy_sum.hpp"

namespace sirfp {

enum class coupling : std::uint8_t { sum, mask_union };  // one matrix a group, or one mask a layer and their union (the authors')

struct ranking_options {
  redundancy_scale scale = redundancy_scale::reference;
  coupling coupled = coupling::sum;
  double edge_weight = 0;  // prior = edge_weight * edge for layers whose name starts with `backbone`, 0 for the others
  std::string backbone;    // name prefix; empty: every layer is backbone
};

// One thing that is ranked: the channels of a group, or of one of its blocks, or (mask_union) of one layer.
struct ranked_unit {
  std::int32_t group = -1;
  std::string name;  // group, "group/block" or layer
  bool backbone = false;
  std::vector<std::int32_t> order;  // channels of the group, first to be removed first
  std::vector<double> marginals;    // by place in the order
  std::vector<double> scores;       // by place in the order: prior - marginal
};

// Pairwise ranking (METHOD 3, 5) of every group that is not locked, units in the order of groups, blocks and layers.
//   coupling::sum         A = sum over observed layers, and over the positions where a channel stands, of |R|; prior = edge_weight times
//   the
//                         mean (not the sum) of the edge scores over the group's backbone layers: the edges a channel carries do not grow
//                         with the number of layers that add into it, and a sum would make long residual groups unprunable.
//                         A unit is backbone if one of its layers is.
//   coupling::mask_union  a unit an observed layer, with that layer's R and edge score.
// Blocks of a group (grouped convolutions) are units of their own. The resolution-neutral scale multiplies by the pixels a map had,
// taken from the op list's shapes. Matrices stay where the backend computes; a state that lies elsewhere is copied there, a layer at a
// time. Bit-identical on every backend for the same state. Throws invalid_argument: a group without an observed layer, a layer that the
// state lacks or that has another width there, missing edge scores, a backbone prefix that no layer has.
std::vector<ranked_unit> rank_pairwise(const context& ctx, const op_list& network, const channel_graph& graph,
                                       const calibration_state& state, const ranking_options& options);

// The ranking of any criterion that scores channels one by one, larger is more important: scores[group][channel]. Units as in rank_pairwise
// (sum): lowest score first, ties lowest index; marginals are 0. Throws invalid_argument: another number of groups or channels (names the
// group), a score that is not finite.
std::vector<ranked_unit> rank_by_scores(const channel_graph& graph, const std::vector<std::vector<double>>& scores);

}  // namespace sirfp
