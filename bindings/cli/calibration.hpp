// The observe step: forward passes over a folder's images into a calibration state, interrupted and resumed without counting twice.
#pragma once

#include <functional>
#include <string>

#include "images.hpp"
#include "options.hpp"
#include "session.hpp"
#include "sirfp/adapter/observe.hpp"
#include "sirfp/calibration_state.hpp"

namespace sirfp::cli {

struct calibration_options {
  adapter::observe_options observe;
  c10::ScalarType compute = c10::kFloat;  // type of the forward passes; the sums are fp64 always
  bool exact = false;                     // products in fp64 too, by the reference backend's plain loops
  // All alike: none left out, none of weight 0.
  bool sees_every_pixel() const noexcept {
    return observe.sample_pixels == 1 && observe.pixel_weights == adapter::observe_options::weighting::uniform;
  }
};

struct calibration_arguments {
  std::optional<std::string> dtype;
  std::optional<std::string> pixel_weights;
  std::optional<double> sample_pixels;
  bool edges = false;
};
void add_calibration_options(CLI::App& app, calibration_arguments& arguments);
calibration_options resolve(const calibration_arguments& arguments, bool edges, const std::string& backbone);
json json_of(const calibration_options& options);

// The options text of a state: what its sums depend on. States that differ in it do not merge.
std::string state_options(const image_options& images, const calibration_options& options, const session& opened);

// A state with every image of the folder still to be counted.
calibration_state empty_state(const session& opened, const image_folder& images, const calibration_options& options);

// Counts the pending images batch by batch; `after_batch` may save. Damaged images (and, with --skip-bad-images, those whose feature maps
// are not finite) are left out and remembered by the folder. Throws `interrupted` between batches; the state is then good to resume.
void calibrate(const session& opened, image_folder& images, const calibration_options& options, calibration_state& state,
               progress_style style, const std::function<void()>& after_batch = {});

}  // namespace sirfp::cli
