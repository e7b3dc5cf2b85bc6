// sirfp observe: forward passes over a folder of images into a calibration state.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "calibration.hpp"
#include "checkpoint.hpp"
#include "command.hpp"
#include "interrupt.hpp"
#include "outputs.hpp"
#include "planning.hpp"
#include "report.hpp"
#include "selection.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr std::int64_t default_images = 32;
constexpr double default_checkpoint_seconds = 10;

struct observe_arguments {
  common_options common;
  image_arguments images;
  selection_arguments selection;  // only preset, backbone and lock
  calibration_arguments calibration;
  std::optional<double> checkpoint_seconds;
  std::string network;
  std::string output;
  bool resume = false;
  bool no_sensitivity = false;
  bool exact = false;
};

calibration_state start_or_resume(const observe_arguments& arguments, const session& opened, const checkpoint& saved,
                                  calibration_state fresh) {
  const progress_style style = arguments.common.progress();
  if (!arguments.resume) {
    if (std::filesystem::exists(saved.path()))
      announce(style, "starting anew; " + saved.path().string() + " is ignored (--resume goes on from it)");
    return fresh;
  }
  auto state = saved.resume(opened, fresh);
  if (!state) {
    announce(style, "no " + saved.path().string() + ": starting with the first image");
    return fresh;
  }
  announce(style, "going on after " + std::to_string(state->images.size()) + " images");
  return std::move(*state);
}

// Images of the folder that are neither counted nor pending were skipped, now or before an interruption.
std::vector<skipped_image> skipped_in_all(const image_folder& images, const calibration_state& state) {
  std::vector<skipped_image> all = images.skipped();
  for (const std::string& name : images.names()) {
    const auto is_it = [&](const auto& other) { return other.name == name; };
    const bool counted = std::find(state.images.begin(), state.images.end(), name) != state.images.end();
    if (!counted && std::none_of(all.begin(), all.end(), is_it)) all.push_back({name, "skipped before the interruption"});
  }
  return all;
}

void report(const observe_arguments& arguments, const image_folder& images, const calibration_state& state) {
  const std::vector<skipped_image> skipped = skipped_in_all(images, state);
  const std::vector<written_file> files = {{arguments.output, std::filesystem::file_size(arguments.output)}};
  json sensitivity = json::array();
  for (const auto& [criterion, record] : state.sensitivity) sensitivity.push_back(criterion);
  const json result = {{"command", "observe"},          {"network", arguments.network},
                       {"images", state.images.size()}, {"layers", state.layers.size()},
                       {"sites", state.sites.size()},   {"edges", state.edges.size()},
                       {"sensitivity", sensitivity},    {"skipped_images", skipped_json(skipped)},
                       {"files", files_json(files)},    {"options", json::parse(state.options)}};
  const std::string shown = "observed " + std::to_string(state.images.size()) + " images: " + std::to_string(state.layers.size()) +
                            " layers, " + std::to_string(state.sites.size()) + " consumer sites\n" + skipped_lines(skipped) +
                            files_line(files);
  print_result(arguments.common, result, shown);
}

void observe(const observe_arguments& arguments) {
  const double seconds = arguments.checkpoint_seconds.value_or(default_checkpoint_seconds);
  SIRFP_EXPECTS(seconds >= 0, "--checkpoint ", seconds, ": expected seconds, 0 or more");
  check_output("-o", arguments.output, {arguments.network});
  set_up_computing(arguments.common);
  const progress_style style = arguments.common.progress();
  adapter::network net = open_network(arguments.network, arguments.common);
  image_folder images = open_images(arguments.images, resolve(arguments.images, nullptr, ""), default_images, arguments.common.device);
  announce(style, "analysing " + arguments.network);
  const session opened(std::move(net), images.example(), arguments.selection.lock);
  expect_prunable(opened);
  expect_backbone(opened, arguments.selection.backbone);

  const selection prepared_for = resolve_preset(arguments.selection, arguments.common);
  const bool sensitivity = prepared_for.widths == width_rule::measured && !arguments.no_sensitivity;
  if (sensitivity) expect_one_output(opened);
  const bool edges = arguments.calibration.edges || prepared_for.needs_edges();
  calibration_options options = resolve(arguments.calibration, edges, arguments.selection.backbone);
  options.exact = arguments.exact;
  checkpoint saved(arguments.output, seconds, run_record(images, arguments.selection.lock));
  calibration_state state = start_or_resume(arguments, opened, saved, empty_state(opened, images, options));
  try {
    calibrate(opened, images, options, state, style, [&] { saved.offer(state); });
    check_interrupt();
    if (sensitivity)
      measure_sensitivity(
          opened, state, prepared_for, [&] { return inputs_of(images, sensitivity_images); }, style);
  } catch (const interrupted&) {
    if (state.images.empty()) throw;
    saved.save(state);
    throw interrupted(
        text("interrupted after ", state.images.size(), " of ", images.count(), " images; --resume goes on from ", saved.path().string()));
  }
  save_state(arguments.output, state);
  saved.remove();
  report(arguments, images, state);
}

}  // namespace

action add_observe(CLI::App& app) {
  auto arguments = std::make_shared<observe_arguments>();
  app.add_option("NET", arguments->network, "TorchScript network")->required();
  app.add_option("-o", arguments->output, "where to write what was measured")->required()->type_name("STATE");
  app.add_flag("--resume", arguments->resume, "go on from STATE.partial, which an interrupted run leaves");
  add_number(app, "--checkpoint", arguments->checkpoint_seconds, "seconds between two writes of STATE.partial (default 10)");
  add_preset_options(app, arguments->selection);
  add_lock_option(app, arguments->selection.lock);
  app.add_flag("--edges", arguments->calibration.edges, "also the edge scores that --preset paper needs");
  app.add_flag("--exact", arguments->exact, "products in double precision by plain loops, for plan --lossless; slow");
  app.add_flag("--no-sensitivity", arguments->no_sensitivity,
               "only the forward passes; plan --images measures the groups' sensitivity then");
  add_calibration_options(app, arguments->calibration);
  add_image_options(app, arguments->images, images_are::required, default_images);
  add_common_options(app, arguments->common);
  app.footer(R"(Examples:
  sirfp observe net.pt --images photos -o net.state
  sirfp observe net.pt --images photos -o net.state --resume        after Ctrl-C or a crash: no image is counted twice
  sirfp observe net.pt --images part1 -o 1.state                    on several machines, then: sirfp merge 1.state 2.state -o net.state)");
  return [arguments] { observe(*arguments); };
}

}  // namespace sirfp::cli
