// sirfp prune: the whole way in one command.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "calibration.hpp"
#include "command.hpp"
#include "findings.hpp"
#include "interrupt.hpp"
#include "planning.hpp"
#include "proof.hpp"
#include "report.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr std::int64_t default_images = 32;
constexpr std::int64_t compared_images = 4;  // masked against slim
constexpr std::int64_t agreement_images = 8;

struct prune_arguments {
  common_options common;
  image_arguments images;
  selection_arguments selection;
  calibration_arguments calibration;
  std::string network;
  std::string output;
  std::string plan;
  std::optional<std::int64_t> memory;
  bool mask = false;
};

struct proofs {
  difference same;
  measured_agreement agreement;
  latency speed;
};

void check_outputs(const prune_arguments& arguments) {
  std::vector<std::filesystem::path> inputs = {arguments.network};
  if (!arguments.selection.scores.empty()) inputs.emplace_back(arguments.selection.scores);
  check_output("-o", arguments.output, inputs);
  if (arguments.plan.empty()) return;
  inputs.emplace_back(arguments.output);
  check_output("--plan", arguments.plan, inputs);
  check_output("--plan", weights_path_of(arguments.plan), inputs);
}

std::vector<written_file> write_all(const prune_arguments& arguments, plan& made, const adapter::compensated_weights& weights,
                                    const adapter::network& result) {
  output_files files;
  files.write(arguments.output, [&](const auto& path) { adapter::save_network(result, path); });
  if (!arguments.plan.empty()) {
    if (!weights.tensors.empty()) {
      const auto weights_path = weights_path_of(arguments.plan);
      files.write(weights_path, [&](const auto& path) { made.weights_hash = adapter::save_weights(weights, path); });
      made.weights_file = weights_path.filename().string();
    }
    files.write(arguments.plan, [&](const auto& path) { write_text(path, to_json(made)); });
  }
  check_interrupt();
  return files.commit();
}

void report(const prune_arguments& arguments, const plan& made, const std::vector<std::string>& notes, const proofs& proved,
            const image_folder& images, std::int64_t calibrated, const std::vector<written_file>& files) {
  const comparison known{.before = made.before,
                         .after = made.after,
                         .bytes_before = static_cast<double>(std::filesystem::file_size(arguments.network)),
                         .bytes_after = static_cast<double>(files.front().bytes),
                         .speed = proved.speed};
  json result = {{"command", "prune"},
                 {"network", arguments.network},
                 {"output", arguments.output},
                 {"masked", arguments.mask},
                 {"calibration_images", calibrated}};
  result.update(cost_json(made.before, made.after));
  result["file_bytes"] = {{"before", known.bytes_before}, {"after", known.bytes_after}};
  result["latency_seconds"] = {{"before", proved.speed.before}, {"after", proved.speed.after}};
  result["agreement"] = {{"share", proved.agreement.pixels.share()}, {"images", proved.agreement.images}};
  result["output_error"] = output_error_json(predicted_error(made), proved.agreement.error.relative());
  result["masked_vs_slim"] = difference_json(proved.same);
  result["groups"] = groups_json(made);
  result["notes"] = notes;
  result["skipped_images"] = skipped_json(images.skipped());
  result["files"] = files_json(files);
  result["options"] = json::parse(made.options);

  std::string shown = groups_table(made) + '\n' + comparison_table(known);
  shown += "agreement: " + percent(proved.agreement.pixels.share(), 2) + " of the pixels as before, on " +
           std::to_string(proved.agreement.images) + " calibration images\n";
  shown += difference_line(proved.same);
  shown += error_line(made, proved.agreement.error.relative()) + notes_lines(notes);
  shown += skipped_lines(images.skipped()) + files_line(files);
  if (arguments.mask) shown += "the written network is the masked one: full size, removed channels zeroed\n";
  shown += "to use it:\n" + loading_lines(arguments.output);
  print_result(arguments.common, result, shown);
}

void prune(const prune_arguments& arguments) {
  const selection chosen = resolve(arguments.selection, arguments.common);
  check_outputs(arguments);
  set_up_computing(arguments.common);
  const progress_style style = arguments.common.progress();
  adapter::network net = open_network(arguments.network, arguments.common);
  image_folder images = open_images(arguments.images, resolve(arguments.images, nullptr, ""), default_images, arguments.common.device);
  announce(style, "analysing " + arguments.network);
  const session opened(std::move(net), images.example(), chosen.lock);
  expect_prunable(opened);
  expect_backbone(opened, chosen.ranking.backbone);
  expect_scores_of(opened, chosen);
  if (chosen.widths == width_rule::measured && !chosen.lossless) expect_one_output(opened);
  expect_reachable(opened, chosen);
  check_interrupt();

  calibration_options calibration = resolve(arguments.calibration, chosen.needs_edges(), chosen.ranking.backbone);
  calibration.exact = chosen.lossless;
  SIRFP_EXPECTS(
      !chosen.lossless || calibration.sees_every_pixel(),
      "--lossless: expected with --sample-pixels 1 and --pixel-weights uniform; what some pixels repeat need not repeat everywhere");
  calibration.observe.similarities = chosen.by == criterion::pairwise;
  calibration_state state = empty_state(opened, images, calibration);
  calibrate(opened, images, calibration, state, style);

  announce(style, "planning");
  plan made = plan_from_state(
      opened, state, chosen, "the calibration", [&] { return inputs_of(images, sensitivity_images); }, style);
  announce(style, "compensating and slimming");
  adapter::compensated_weights weights = chosen.refit ? refit_plan(opened, made, images, arguments.memory, style)
                                                      : compensate_plan(opened, made, state, chosen.compensate, chosen.lambda());
  if (chosen.recalibrate) weights = recalibrate_plan(opened, made, std::move(weights), images, arguments.memory, style);
  const std::vector<std::string> notes = notes_of(opened, state, made, chosen.lossless, weights.notes);
  const auto calibrated = static_cast<std::int64_t>(state.images.size());
  state = {};  // may be as large as the network; not needed any more
  const adapter::network masked = adapter::masked_network(opened.net, opened.captured, opened.graph, made, weights);
  const adapter::network slim = adapter::slim_network(opened.net, opened.captured, opened.graph, made, weights);

  proofs proved;
  proved.same = expect_same_output(opened.net, masked, slim, images, compared_images, style);
  proved.agreement = agreement_of(opened.net, slim, images, agreement_images, style);
  check_interrupt();
  announce(style, "measuring latency");
  proved.speed = latency_of(opened.net, slim, opened.example);
  check_interrupt();
  const auto files = write_all(arguments, made, weights, arguments.mask ? masked : slim);
  report(arguments, made, notes, proved, images, calibrated, files);
}

}  // namespace

action add_prune(CLI::App& app) {
  auto arguments = std::make_shared<prune_arguments>();
  app.add_option("NET", arguments->network, "TorchScript network")->required();
  app.add_option("-o", arguments->output, "where to write the smaller network")->required()->type_name("OUT");
  app.add_option("--plan", arguments->plan, "also write the plan, and the compensated weights as P.safetensors")->type_name("P");
  app.add_flag("--mask", arguments->mask, "write the masked network instead: full size, removed channels zeroed");
  add_selection_options(app, arguments->selection);
  add_calibration_options(app, arguments->calibration);
  add_image_options(app, arguments->images, images_are::required, default_images);
  add_common_options(app, arguments->common);
  add_memory_option(app, arguments->memory);
  app.footer(std::string(R"(Examples:
  sirfp prune net.pt --images photos --flops 0.5 -o small.pt
  sirfp prune net.pt --images photos --size 512x1024 --flops 0.4 --lock 'head.*' -o small.pt --plan small.plan
  sirfp prune espnet.pt --images photos --bgr --scale 1 --mean 110.331,108.409,105.034 \
      --std 18391.875,18535.695,17825.265 --flops 0.8 -o small.pt
NET is TorchScript: torch.jit.trace(model.eval(), torch.rand(1, 3, 360, 480)).save("net.pt"). It is never changed.
Before OUT is written, the slim network is compared with the masked one on real input; above 1e-4 of the largest
output nothing is written and the exit code is 1.)") +
             selection_footer);
  return [arguments] { prune(*arguments); };
}

}  // namespace sirfp::cli
