// Presets (METHOD 9): what `--preset` chooses; single options change one thing each and leave the rest.
#pragma once

#include <cstdint>
#include <string_view>

#include "sirfp/allocation.hpp"
#include "sirfp/compensation.hpp"
#include "sirfp/ranking.hpp"

namespace sirfp {

// joint: METHOD 4; pairwise: METHOD 3; the others score channels one by one and are there to compare with.
enum class criterion : std::uint8_t { joint, pairwise, l1, batch_norm, fpgm, random, given };
// measured and joint descend calibrated or predicted error curves (curve_allocation.hpp), the others are allocate_widths'.
enum class width_rule : std::uint8_t { measured, joint, uniform, threshold };

struct preset {
  std::string_view name;
  criterion by = criterion::joint;
  ranking_options ranking;  // of pairwise
  width_rule width = width_rule::measured;
  allocation_options widths;
  compensation compensate = compensation::least_squares;
  bool refit = true;        // the sequential refit, where there are images to run the networks on
  bool edge_score = false;  // whether observation needs it
};

// "default": joint redundancy, measured widths, sequential refit.
// "paper": the authors' method: pairwise, one mask a layer and their union in a group, 0.4 * edge on the backbone (whose name prefix the
// caller sets in ranking.backbone), two pools, the percentile scan without rounding, constant absorption.
// Throws invalid_argument on another name.
preset make_preset(std::string_view name);

}  // namespace sirfp
