// What the calibration says about a network and a plan of it, for people to read.
#pragma once

#include <string>
#include <vector>

#include "session.hpp"
#include "sirfp/calibration_state.hpp"
#include "sirfp/plan.hpp"

namespace sirfp::cli {

// Fills in who speaks for the removed channels of each group, judged at the first consumer site that reads them.
void add_predictors(const session& opened, const calibration_state& state, plan& made);

// What to know about a plan: sites that were seen at fewer pixels than they have channels, and the rank of what was measured there; for
// --lossless, which of the channels that never vary at some reader go and why the others stay; then the compensation's own notes.
std::vector<std::string> notes_of(const session& opened, const calibration_state& state, const plan& made, bool lossless,
                                  const std::vector<std::string>& of_weights);

}  // namespace sirfp::cli
