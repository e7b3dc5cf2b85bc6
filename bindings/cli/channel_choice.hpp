// Which channels stay: a criterion's ranking and the widths that meet the target.
#pragma once

#include <vector>

#include "progress.hpp"
#include "selection.hpp"
#include "session.hpp"
#include "sirfp/allocation.hpp"
#include "sirfp/calibration_state.hpp"
#include "sirfp/ranking.hpp"

namespace sirfp::cli {

struct channel_choice {
  std::vector<ranked_unit> ranking;
  allocation widths;
};

// `sample`: batches that `measured` widths run on; not needed by the others. Throws invalid_argument (see allocate_widths).
channel_choice choose_channels(const session& opened, const calibration_state& state, const selection& chosen,
                               const std::vector<at::Tensor>& sample, progress_style style);

}  // namespace sirfp::cli
