// What follows from a mask: the slices of parameters and the literals of the graph.
#pragma once

#include <string>
#include <vector>

#include "sirfp/plan.hpp"

namespace sirfp {

// Only axes that lose something, in the graph's order. Throws invalid_argument where blocks keep different numbers.
std::vector<parameter_slice> slices_of(const op_list& network, const channel_graph& graph, const channel_mask& mask);
// Only literals that change.
std::vector<literal_edit> literals_of(const op_list& network, const channel_graph& graph, const channel_mask& mask);

}  // namespace sirfp
