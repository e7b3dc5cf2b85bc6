// Widths from calibrated removal curves (METHOD 6, `joint` and `measured`).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirfp/allocation.hpp"
#include "sirfp/cost.hpp"
#include "sirfp/removal_curve.hpp"

namespace sirfp {

// errors[i][t]: what is lost after t removals along curves[i].order (calibrate_curves; cumulated costs for `joint`). Takes from the group
// where the error rises least per unit of budget saved, looking ahead 1, 2 and 4 steps of max(multiple, C/64) channels, until the cost is
// at or below the target; undoing the last step would exceed it. Floors, rounding, blocks and `keep` as in allocation_options. Ties: the
// group that comes first. Throws invalid_argument like allocate_widths.
allocation allocate_by_curves(const cost_model& model, const channel_graph& graph, std::span<const removal_curve> curves,
                              std::span<const std::vector<double>> errors, const allocation_options& options);

}  // namespace sirfp
