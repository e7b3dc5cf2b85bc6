// Presets (METHOD 9): what `--preset` chooses; single options change one thing each and leave the rest.
#pragma once

#include <string_view>

#include "sirfp/allocation.hpp"
#include "sirfp/compensation.hpp"
#include "sirfp/ranking.hpp"

namespace sirfp {

struct preset {
  std::string_view name;
  ranking_options ranking;
  allocation_options widths;
  compensation compensate = compensation::least_squares;
  bool edge_score = false;  // whether observation needs it
};

// "default": pairwise redundancy of whole groups, uniform widths, least-squares compensation.
// "paper": the authors' method: one mask a layer and their union in a group, 0.4 * edge on the backbone (whose name prefix the caller
// sets in ranking.backbone), two pools, the percentile scan without rounding, constant absorption.
// Throws invalid_argument on another name.
preset make_preset(std::string_view name);

}  // namespace sirfp
