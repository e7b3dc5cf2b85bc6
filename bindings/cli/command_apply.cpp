// sirfp apply: a plan taken out of its network.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "calibration.hpp"
#include "command.hpp"
#include "interrupt.hpp"
#include "outputs.hpp"
#include "planning.hpp"
#include "proof.hpp"
#include "report.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr std::int64_t default_images = 32;
constexpr std::int64_t compared_images = 4;

struct apply_arguments {
  common_options common;
  image_arguments images;
  std::optional<std::string> compensate;
  std::string network;
  std::string plan;
  std::string state;
  std::string output;
  bool mask = false;
};

// The state that compensation is computed from: the given one, or one measured now where the plan has no weights of its own.
std::optional<calibration_state> moments_for(const apply_arguments& arguments, const session& opened, const loaded_plan& planned,
                                             std::optional<image_folder>& images) {
  if (!arguments.state.empty()) {
    calibration_state state = load_state(opened.context, arguments.state);
    expect_state_of(opened, state, arguments.state);
    return state;
  }
  const bool wanted = arguments.compensate.value_or(name_of(planned.compensate)) != "none";
  const bool at_hand = !arguments.compensate && !planned.content.weights_file.empty();
  if (!wanted || at_hand || !images) return std::nullopt;
  calibration_options moments_only;
  moments_only.observe.similarities = false;
  calibration_state state = empty_state(opened, *images, moments_only);
  calibrate(opened, *images, moments_only, state, arguments.common.progress());
  return state;
}

difference check(const apply_arguments& arguments, const session& opened, std::optional<image_folder>& images,
                 const adapter::network& masked, const adapter::network& slim) {
  if (images) return expect_same_output(opened.net, masked, slim, *images, compared_images, arguments.common.progress());
  return expect_same_output_on_noise(opened.net, masked, slim, opened.example);
}

void apply(const apply_arguments& arguments) {
  const loaded_plan planned = open_plan(arguments.plan);
  std::vector<std::filesystem::path> inputs = {arguments.network, arguments.plan};
  if (!arguments.state.empty()) inputs.emplace_back(arguments.state);
  if (!planned.content.weights_file.empty()) inputs.push_back(planned.path.parent_path() / planned.content.weights_file);
  check_output("-o", arguments.output, inputs);
  set_up_computing(arguments.common);
  const progress_style style = arguments.common.progress();
  adapter::network net = open_network(arguments.network, arguments.common);
  std::optional<image_folder> images;
  if (!arguments.images.folder.empty()) {
    images = open_images(arguments.images, resolve(arguments.images, planned.image_record, arguments.plan), default_images,
                         arguments.common.device);
  }
  const at::Tensor example = noise_input(planned.content.input_shape, arguments.common);
  const session opened(std::move(net), images ? images->example() : example, planned.lock);
  expect_plan_of(opened, planned);
  check_interrupt();

  const auto state = moments_for(arguments, opened, planned, images);
  const auto override_with = arguments.compensate ? std::optional(compensation_from(*arguments.compensate)) : std::nullopt;
  const adapter::compensated_weights weights = weights_of(opened, planned, state, override_with);
  announce(style, "slimming");
  const adapter::network masked = adapter::masked_network(opened.net, opened.captured, opened.graph, planned.content, weights);
  const adapter::network slim = adapter::slim_network(opened.net, opened.captured, opened.graph, planned.content, weights);
  const difference same = check(arguments, opened, images, masked, slim);
  output_files files;
  files.write(arguments.output, [&](const auto& path) { adapter::save_network(arguments.mask ? masked : slim, path); });
  check_interrupt();
  const auto written = files.commit();

  const comparison known{.before = planned.content.before,
                         .after = planned.content.after,
                         .bytes_before = static_cast<double>(std::filesystem::file_size(arguments.network)),
                         .bytes_after = static_cast<double>(written.front().bytes),
                         .speed = {}};
  json result = {{"command", "apply"}, {"network", arguments.network}, {"plan", arguments.plan}, {"masked", arguments.mask}};
  result.update(cost_json(known.before, known.after));
  result["file_bytes"] = {{"before", known.bytes_before}, {"after", known.bytes_after}};
  result["masked_vs_slim"] = difference_json(same);
  result["notes"] = weights.notes;
  result["skipped_images"] = skipped_json(images ? images->skipped() : std::vector<skipped_image>());
  result["files"] = files_json(written);
  std::string shown = comparison_table(known) + difference_line(same) + notes_lines(weights.notes);
  if (images) shown += skipped_lines(images->skipped());
  print_result(arguments.common, result, shown + files_line(written) + "to use it:\n" + loading_lines(arguments.output));
}

}  // namespace

action add_apply(CLI::App& app) {
  auto arguments = std::make_shared<apply_arguments>();
  app.add_option("NET", arguments->network, "TorchScript network")->required();
  app.add_option("PLAN", arguments->plan, "what sirfp plan or sirfp prune --plan wrote")->required();
  app.add_option("-o", arguments->output, "where to write the smaller network")->required()->type_name("OUT");
  app.add_flag("--mask", arguments->mask, "write the masked network instead: full size, removed channels zeroed");
  app.add_option("--state", arguments->state, "compute the compensation anew from this state")->type_name("STATE");
  add_compensation_option(app, arguments->compensate);
  add_image_options(app, arguments->images, images_are::optional, default_images);
  add_common_options(app, arguments->common);
  app.footer(R"(Examples:
  sirfp apply net.pt net.plan --images photos -o small.pt       with images, masked and slim are compared on real input
  sirfp apply net.pt net.plan --mask -o masked.pt
Image options that are not given are those of the plan.)");
  return [arguments] { apply(*arguments); };
}

}  // namespace sirfp::cli
