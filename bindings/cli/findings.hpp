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

// Sites that were seen at fewer pixels than they have channels: their covariance cannot tell all channels apart, and what rank it has.
std::vector<std::string> scarcity_notes(const session& opened, const calibration_state& state);

// For --lossless: which of the channels that never vary at some reader go, and why the others stay.
std::vector<std::string> unvarying_notes(const session& opened, const calibration_state& state, const plan& made);

}  // namespace sirfp::cli
