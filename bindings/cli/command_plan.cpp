// sirfp plan: which channels go, from what was measured.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "findings.hpp"
#include "interrupt.hpp"
#include "outputs.hpp"
#include "planning.hpp"
#include "report.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr std::int64_t default_images = 32;

struct plan_arguments {
  common_options common;
  image_arguments images;
  selection_arguments selection;
  std::string network;
  std::string state;
  std::string output;
  std::optional<std::int64_t> memory;
};

std::vector<std::int64_t> input_shape_of(const calibration_state& state, const std::string& path) {
  try {
    return part_of(state.options, "input", path).get<std::vector<std::int64_t>>();
  } catch (const json::exception& problem) {
    throw invalid_argument(text(path, ": its options name no input size: ", problem.what()));
  }
}

void plan_command(const plan_arguments& arguments) {
  const selection chosen = resolve(arguments.selection, arguments.common);
  std::vector<std::filesystem::path> inputs = {arguments.network, arguments.state};
  if (!arguments.selection.scores.empty()) inputs.emplace_back(arguments.selection.scores);
  check_output("-o", arguments.output, inputs);
  check_output("-o", weights_path_of(arguments.output), inputs);
  SIRFP_EXPECTS(!chosen.refit_asked || !arguments.images.folder.empty(), "--refit: expected with --images DIR, to run both networks on");
  SIRFP_EXPECTS(!chosen.recalibrate || !arguments.images.folder.empty(),
                "--recalibrate: expected with --images DIR, to measure the statistics on");
  set_up_computing(arguments.common);
  const progress_style style = arguments.common.progress();
  calibration_state state = load_state(cpu_context(), arguments.state);
  const at::Tensor example = noise_input(input_shape_of(state, arguments.state), arguments.common);
  std::optional<image_folder> images;
  if (!arguments.images.folder.empty())
    images = open_images(arguments.images, resolve(arguments.images, part_of(state.options, "images", arguments.state), arguments.state),
                         default_images, arguments.common.device);
  const session opened(open_network(arguments.network, arguments.common), example, chosen.lock);
  expect_state_of(opened, state, arguments.state);
  expect_prunable(opened);
  expect_backbone(opened, chosen.ranking.backbone);
  const json observed = part_of(state.options, "observe", arguments.state);
  SIRFP_EXPECTS(!chosen.lossless || (observed.value("exact", false) && observed.value("sample_pixels", 1.0) == 1 &&
                                     observed.value("pixel_weights", "uniform") == "uniform"),
                arguments.state, ": its sums are not exact enough for --lossless: expected sirfp observe --exact of all pixels alike");
  announce(style, "planning");
  const auto sample = [&] {
    SIRFP_EXPECTS(images, arguments.state, ": holds no sensitivity for --criterion ", name_of(chosen.by),
                  "; expected --images DIR to measure it on, or --allocate joint or uniform");
    expect_one_output(opened);
    return inputs_of(*images, sensitivity_images);
  };
  plan made = plan_from_state(opened, state, chosen, arguments.state, sample, style);
  announce(style, "compensating");
  adapter::compensated_weights weights = chosen.refit && images ? refit_plan(opened, made, *images, arguments.memory, style)
                                                                : compensate_plan(opened, made, state, chosen.compensate, chosen.lambda());
  if (chosen.recalibrate) weights = recalibrate_plan(opened, made, std::move(weights), *images, arguments.memory, style);
  if (chosen.refit && !images)
    weights.notes.emplace_back("compensated by plain least squares; with --images DIR it is refitted layer by layer");

  const std::vector<std::string> notes = notes_of(opened, state, made, chosen.lossless, weights.notes);

  output_files files;
  if (!weights.tensors.empty()) {
    const auto path = weights_path_of(arguments.output);
    files.write(path, [&](const auto& temporary) { made.weights_hash = adapter::save_weights(weights, temporary); });
    made.weights_file = path.filename().string();
  }
  files.write(arguments.output, [&](const auto& temporary) { write_text(temporary, to_json(made)); });
  check_interrupt();
  const auto written = files.commit();

  json result = {{"command", "plan"}, {"network", arguments.network}, {"state", arguments.state}};
  result.update(cost_json(made.before, made.after));
  result["groups"] = groups_json(made);
  result["notes"] = notes;
  result["files"] = files_json(written);
  std::string shown = groups_table(made) + '\n' + comparison_table({.before = made.before, .after = made.after, .speed = {}});
  print_result(arguments.common, result, shown + notes_lines(notes) + files_line(written));
}

}  // namespace

action add_plan(CLI::App& app) {
  auto arguments = std::make_shared<plan_arguments>();
  app.add_option("NET", arguments->network, "TorchScript network")->required();
  app.add_option("STATE", arguments->state, "what sirfp observe measured")->required();
  app.add_option("-o", arguments->output, "where to write the plan; the compensated weights go to PLAN.safetensors")
      ->required()
      ->type_name("PLAN");
  add_selection_options(app, arguments->selection);
  add_image_options(app, arguments->images, images_are::optional, default_images);
  add_common_options(app, arguments->common);
  add_memory_option(app, arguments->memory);
  app.footer(std::string(R"(Examples:
  sirfp plan net.pt net.state --flops 0.5 -o net.plan
  sirfp plan net.pt net.state --params 0.3 --keep 'encoder.layer1*=0.8' --lock 'head.*' -o net.plan)") +
             selection_footer);
  return [arguments] { plan_command(*arguments); };
}

}  // namespace sirfp::cli
