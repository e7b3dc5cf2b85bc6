// Which channels stay: a criterion's ranking and the widths that meet the target.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "progress.hpp"
#include "selection.hpp"
#include "session.hpp"
#include "sirfp/allocation.hpp"
#include "sirfp/calibration_state.hpp"
#include "sirfp/ranking.hpp"

namespace sirfp::cli {

// Batches to run the network on, loaded when they are needed; throws where there are no images.
using batch_source = std::function<std::vector<at::Tensor>()>;

struct channel_choice {
  std::vector<ranked_unit> ranking;
  allocation widths;
  std::map<std::int32_t, double> predicted_error;  // by group, of the network's output; known to `measured` widths
};

// `measured` widths take the criterion's sensitivity from the state, or measure it on `sample` and leave it there. Throws invalid_argument
// (see allocate_widths).
channel_choice choose_channels(const session& opened, calibration_state& state, const selection& chosen, const batch_source& sample,
                               progress_style style);

// Throws invalid_argument unless --scores, where it was given, fits the network's groups.
void expect_scores_of(const session& opened, const selection& chosen);

// Measures the sensitivity of a criterion's orders, unless the state has it.
void measure_sensitivity(const session& opened, calibration_state& state, const selection& chosen, const batch_source& sample,
                         progress_style style);

}  // namespace sirfp::cli
