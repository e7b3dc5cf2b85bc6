// sirfp verify: is the pruned network what its plan says, and how good is it still?
#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "planning.hpp"
#include "proof.hpp"
#include "report.hpp"
#include "scoring.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr std::int64_t all_images = 0;
constexpr std::int64_t compared_images = 4;

struct verify_arguments {
  common_options common;
  image_arguments images;
  std::optional<std::int64_t> ignore;
  std::string labels;
  std::string network;
  std::string pruned;
  std::string plan;
  std::string state;
};

// The masked network, built from the original, the plan and its weights; never from the pruned file.
adapter::network rebuild_masked(const session& opened, const verify_arguments& arguments, const loaded_plan& planned) {
  expect_plan_of(opened, planned);
  std::optional<calibration_state> state;
  if (!arguments.state.empty() && planned.content.weights_file.empty()) {
    state = load_state(opened.context, arguments.state);
    expect_state_of(opened, *state, arguments.state);
  }
  const auto weights = weights_of(opened, planned, state, std::nullopt);
  return adapter::masked_network(opened.net, opened.captured, opened.graph, planned.content, weights);
}

void add_accuracy(json& result, const accuracy& before, const accuracy& after) {
  const auto classes = [](const accuracy& found) {
    json list = json::array();
    for (const double iou : found.class_iou) list.push_back(std::isnan(iou) ? json() : json(iou));
    return list;
  };
  result["mean_iou"] = {{"before", before.mean_iou}, {"after", after.mean_iou}};
  result["pixel_accuracy"] = {{"before", before.pixel_accuracy}, {"after", after.pixel_accuracy}};
  result["class_iou"] = {{"before", classes(before)}, {"after", classes(after)}};
}

std::string accuracy_table(const accuracy& before, const accuracy& after) {
  const auto points = [](double share) { return std::isnan(share) ? std::string("-") : ratio_text(100 * share, 2); };
  const auto row = [&](const std::string& name, double left, double right) {
    return std::vector<std::string>{name, points(left), points(right), ratio_text(100 * (right - left), 2)};
  };
  std::vector<std::vector<std::string>> rows = {{"", "before", "after", "change"},
                                                row("mIoU", before.mean_iou, after.mean_iou),
                                                row("pixel accuracy", before.pixel_accuracy, after.pixel_accuracy)};
  for (std::size_t c = 0; c < before.class_iou.size(); ++c)
    rows.push_back(row("class " + std::to_string(c), before.class_iou[c], after.class_iou[c]));
  return aligned(rows);
}

std::string result_text(const verify_arguments& arguments, const plan& planned, const scores& found, const std::optional<difference>& same,
                        const comparison& known, const image_folder& images) {
  std::string shown = arguments.plan.empty() ? "" : groups_table(planned) + '\n';
  shown += comparison_table(known);
  if (found.before) shown += accuracy_table(*found.before, *found.after);
  if (found.resized) shown += "outputs were resized to the labels' size\n";
  shown += "agreement: " + percent(found.pixels.share(), 2) + " of the pixels as before, on " + std::to_string(found.images) + " images\n";
  shown += error_line(planned, found.error.relative());
  shown += same ? difference_line(*same) : "masked vs slim: not compared: no PLAN was given\n";
  return shown + skipped_lines(images.skipped()) + (arguments.plan.empty() ? "" : "plan: " + arguments.plan + '\n');
}

void verify(const verify_arguments& arguments) {
  std::optional<loaded_plan> planned;
  if (!arguments.plan.empty()) planned = open_plan(arguments.plan);
  set_up_computing(arguments.common);
  image_folder images = open_images(arguments.images, resolve(arguments.images, planned ? planned->image_record : json(), arguments.plan),
                                    all_images, arguments.common.device);
  adapter::network original = open_network(arguments.network, arguments.common);
  const adapter::network pruned = open_network(arguments.pruned, arguments.common);
  const at::Tensor example = images.example();
  std::optional<adapter::network> masked;
  std::optional<session> opened;
  if (planned) {
    opened.emplace(std::move(original), example, planned->lock);
    masked = rebuild_masked(*opened, arguments, *planned);
  }
  const adapter::network& before = opened ? opened->net : original;
  std::optional<label_options> labels;
  if (!arguments.labels.empty()) labels = label_options{.folder = arguments.labels, .ignore = arguments.ignore.value_or(255)};

  std::optional<difference> same;
  const scores found = score_networks(before, pruned, images, labels, arguments.common.progress(),
                                      [&](const auto& input, const auto& left, const auto& right) {
                                        if (!masked || (same && same->images >= compared_images)) return;
                                        if (!same) same.emplace();
                                        const double here = adapter::relative_difference(forward(*masked, input), right, left);
                                        if (!(here <= same->largest)) same->largest = here;
                                        same->images += input.size(0);
                                      });
  const comparison known{.before = planned ? planned->content.before : network_cost{},
                         .after = planned ? planned->content.after : network_cost{},
                         .bytes_before = static_cast<double>(std::filesystem::file_size(arguments.network)),
                         .bytes_after = static_cast<double>(std::filesystem::file_size(arguments.pruned)),
                         .speed = latency_of(before, pruned, example)};
  json result = {{"command", "verify"}, {"network", arguments.network}, {"pruned", arguments.pruned}, {"images", found.images}};
  if (planned) result.update(cost_json(known.before, known.after));
  result["file_bytes"] = {{"before", known.bytes_before}, {"after", known.bytes_after}};
  result["latency_seconds"] = {{"before", known.speed.before}, {"after", known.speed.after}};
  result["agreement"] = {{"share", found.pixels.share()}, {"same", found.pixels.same}, {"pixels", found.pixels.pixels}};
  const plan content = planned ? planned->content : plan();
  result["output_error"] = output_error_json(predicted_error(content), found.error.relative());
  if (planned) result["groups"] = groups_json(content);
  if (found.before) add_accuracy(result, *found.before, *found.after);
  result["masked_vs_slim"] = same ? difference_json(*same) : json();
  result["skipped_images"] = skipped_json(images.skipped());
  print_result(arguments.common, result, result_text(arguments, content, found, same, known, images));
  if (same) expect_within_limit(*same);
}

}  // namespace

action add_verify(CLI::App& app) {
  auto arguments = std::make_shared<verify_arguments>();
  app.add_option("NET", arguments->network, "the original network")->required();
  app.add_option("OUT", arguments->pruned, "the network to compare with it, slim or masked")->required();
  app.add_option("PLAN", arguments->plan, "its plan: OUT is compared with the masked network that follows from NET and PLAN");
  app.add_option("--labels", arguments->labels, "8-bit PNG label maps, of the images' names and sizes: mIoU before and after")
      ->type_name("DIR");
  add_count(app, "--ignore", arguments->ignore, 0, "label value that is not scored (default 255)");
  app.add_option("--state", arguments->state, "compute the compensation from this state, for a plan without weights")->type_name("STATE");
  add_image_options(app, arguments->images, images_are::required, all_images);
  add_common_options(app, arguments->common);
  app.footer(R"(Examples:
  sirfp verify net.pt small.pt net.plan --images val
  sirfp verify net.pt small.pt net.plan --images val --labels val_labels --ignore 11
  sirfp verify net.pt net.pt --images val --labels val_labels        the accuracy of one network
Image options that are not given are those of the plan. Exit code 1 if masked and slim differ.)");
  return [arguments] { verify(*arguments); };
}

}  // namespace sirfp::cli
