// From a calibration state to a plan and the weights that go with it.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "channel_choice.hpp"
#include "images.hpp"
#include "progress.hpp"
#include "selection.hpp"
#include "session.hpp"
#include "sirfp/adapter/apply.hpp"
#include "sirfp/calibration_state.hpp"
#include "sirfp/plan.hpp"

namespace sirfp::cli {

// Throws invalid_argument when the target cannot be reached, before any image is looked at: widths of `uniform` do not depend on them.
void expect_reachable(const session& opened, const selection& chosen);

// Rank, allocate, plan; with options and provenance filled in. `sample`: what `measured` widths run on (choose_channels).
plan plan_from_state(const session& opened, calibration_state& state, const selection& chosen, const std::string& state_path,
                     const batch_source& sample, progress_style style);

// Compensated weights, rounded to the type in which the network is stored, so that nothing is lost when it is saved.
adapter::compensated_weights compensate_plan(const session& opened, const plan& made, const calibration_state& state, compensation how,
                                             double lambda = 1e-3);
// The same by the sequential refit, which needs the images again. `memory`: --memory.
adapter::compensated_weights refit_plan(const session& opened, const plan& made, image_folder& images, std::optional<std::int64_t> memory,
                                        progress_style style);

// The weights with BatchNorm statistics of the cut network on all images.
adapter::compensated_weights recalibrate_plan(const session& opened, const plan& made, adapter::compensated_weights weights,
                                              image_folder& images, std::optional<std::int64_t> memory, progress_style style);

constexpr std::int64_t sensitivity_images = 2;  // docs/decisions/0007

// The inputs of `count` evenly spaced images, in the folder's batches.
std::vector<at::Tensor> inputs_of(image_folder& images, std::int64_t count);

// Throws invalid_argument unless the state is complete and of this network.
void expect_state_of(const session& opened, const calibration_state& state, const std::filesystem::path& path);

// The weights' file that belongs to a plan of that name.
std::filesystem::path weights_path_of(const std::filesystem::path& plan_path);

struct loaded_plan {
  std::filesystem::path path;
  plan content;
  std::vector<std::string> lock;  // as the plan was made with
  compensation compensate = compensation::none;
  double lambda = 1e-3;
  bool swept = false;  // its own weights come from a refit or a recalibration, which need images
  json image_record;
};
loaded_plan open_plan(const std::filesystem::path& path);
// check_plan, with the plan's path in the error.
void expect_plan_of(const session& opened, const loaded_plan& planned);

// The weights beside the plan, or computed from `state`; which of them, and what is missing, in one line. `override_with`: --compensate.
adapter::compensated_weights weights_of(const session& opened, const loaded_plan& opened_plan,
                                        const std::optional<calibration_state>& state, std::optional<compensation> override_with);

}  // namespace sirfp::cli
