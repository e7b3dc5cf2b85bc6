#include "planning.hpp"

#include <chrono>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "channel_choice.hpp"
#include "findings.hpp"
#include "interrupt.hpp"
#include "sirfp/adapter/joint.hpp"
#include "sirfp/adapter/recalibrate.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/cost.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "sirfp/fingerprint.hpp"
#include "sirfp/version.hpp"

namespace sirfp::cli {
namespace {

// Every group in channel order: a ranking before anything is known.
std::vector<ranked_unit> ranking_of_nothing(const channel_graph& graph) {
  std::vector<std::vector<double>> zeros;
  for (const channel_group& group : graph.groups) zeros.emplace_back(static_cast<std::size_t>(group.channels), 0.0);
  return rank_by_scores(graph, zeros);
}

std::string now_text() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts = {};
  gmtime_r(&now, &parts);
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return buffer;
}

}  // namespace

void expect_reachable(const session& opened, const selection& chosen) {
  if (chosen.lossless || chosen.widths == width_rule::threshold) return;
  const cost_model model(opened.captured.ops, opened.graph);
  allocate_widths(model, opened.graph, ranking_of_nothing(opened.graph), chosen.allocation);
}

plan plan_from_state(const session& opened, calibration_state& state, const selection& chosen, const std::string& state_path,
                     const batch_source& sample, progress_style style) {
  if (chosen.needs_edges()) {
    SIRFP_EXPECTS(!state.edges.empty(), state_path,
                  ": has no edge scores, which --preset paper needs; observe with --preset paper or --edges");
  }
  const auto [ranking, widths, predicted] = choose_channels(opened, state, chosen, sample, style);
  plan made = make_plan(opened.captured.ops, opened.graph, ranking, widths);
  for (const auto& [group, error] : predicted) made.groups.at(static_cast<std::size_t>(group)).predicted_error = error;
  add_predictors(opened, state, made);
  made.network = opened.captured.fingerprint;
  made.before = widths.before;
  made.after = widths.after;
  made.input_shape = opened.example.sizes().vec();
  made.options = json{{"selection", json_of(chosen)}, {"calibration", json::parse(state.options)}}.dump();
  made.provenance = json{
      {"sirfp", version},
      {"date", now_text()},
      {"backend", std::string(opened.context.backend->name())},
      {"search", widths.note},
      {"images",
       state.images}}.dump();
  return made;
}

namespace {

adapter::compensated_weights rounded_as_stored(adapter::compensated_weights weights, const session& opened) {
  for (auto& [name, tensor] : weights.tensors) tensor = tensor.to(opened.net.stored).to(c10::kFloat);
  return weights;
}

}  // namespace

adapter::compensated_weights compensate_plan(const session& opened, const plan& made, const calibration_state& state, compensation how,
                                             double lambda) {
  check_interrupt();
  return rounded_as_stored(
      adapter::compensate(opened.context, opened.net, opened.captured, opened.graph, mask_of(made, opened.graph), state.sites, how, lambda),
      opened);
}

namespace {

// All images of the folder, each batch loaded when the sweep comes to it. Both must outlive what is returned.
adapter::image_stream all_of(image_folder& images) {
  return [&images, next = std::size_t{0}]() mutable {
    while (next < images.batches().size()) {
      check_interrupt();
      loaded_batch batch = images.load(images.batches()[next++]);
      if (batch.input.defined()) return std::move(batch.input);
    }
    return at::Tensor();
  };
}

adapter::sweep_options sweep_with(const session& opened, std::optional<std::int64_t> memory, progress_style style, const char* what,
                                  const char* unit) {
  adapter::sweep_options options;
  options.memory = memory.value_or(opened.context.memory->total_bytes() / 2);
  options.progress = [shown = std::shared_ptr<progress>(), style, what, unit](std::int64_t, std::int64_t total) mutable {
    check_interrupt();
    if (!shown) shown = std::make_shared<progress>(style, what, total, unit);
    shown->advance(1);
  };
  return options;
}

}  // namespace

adapter::compensated_weights refit_plan(const session& opened, const plan& made, image_folder& images, std::optional<std::int64_t> memory,
                                        progress_style style) {
  const adapter::refit_options options{.images = images.count() - static_cast<std::int64_t>(images.skipped().size()),
                                       .sweep = sweep_with(opened, memory, style, "refitting", "sites")};
  return rounded_as_stored(
      adapter::refit(opened.context, opened.net, opened.captured, opened.graph, mask_of(made, opened.graph), all_of(images), options),
      opened);
}

adapter::compensated_weights recalibrate_plan(const session& opened, const plan& made, adapter::compensated_weights weights,
                                              image_folder& images, std::optional<std::int64_t> memory, progress_style style) {
  return rounded_as_stored(adapter::recalibrate(opened.net, opened.captured, opened.graph, mask_of(made, opened.graph), std::move(weights),
                                                all_of(images), sweep_with(opened, memory, style, "recalibrating", "norms")),
                           opened);
}

std::vector<at::Tensor> inputs_of(image_folder& images, std::int64_t count) {
  std::vector<at::Tensor> inputs;
  const auto batches = static_cast<std::int64_t>(images.batches().size());
  const std::int64_t per_batch = std::max<std::int64_t>(1, images.count() / std::max<std::int64_t>(1, batches));
  for (const std::int64_t b : evenly_spaced(batches, (count + per_batch - 1) / per_batch)) {
    check_interrupt();
    loaded_batch batch = images.load(images.batches()[static_cast<std::size_t>(b)]);
    if (batch.input.defined()) inputs.push_back(std::move(batch.input));
  }
  return inputs;
}

void expect_state_of(const session& opened, const calibration_state& state, const std::filesystem::path& path) {
  const auto difference = first_difference(opened.captured.fingerprint, state.network, path.string());
  SIRFP_EXPECTS(!difference, path.string(), ": the state of another network than ", opened.net.path.string(), ": ",
                difference.value_or(""));
  SIRFP_EXPECTS(state.pending.empty(), path.string(), ": ", state.pending.size(),
                " images are still to be counted; finish it with sirfp observe --resume");
}

std::filesystem::path weights_path_of(const std::filesystem::path& plan_path) { return plan_path.string() + ".safetensors"; }

loaded_plan open_plan(const std::filesystem::path& path) {
  loaded_plan opened{path, plan_from_json(read_text(path), path.string()), {}, compensation::none, 1e-3, false, {}};
  const json selection = part_of(opened.content.options, "selection", path.string());
  const json calibration = part_of(opened.content.options, "calibration", path.string());
  try {
    selection.at("lock").get_to(opened.lock);
    opened.compensate = compensation_from(selection.at("compensate").get<std::string>());
    if (selection.at("budget") == "lossless") opened.lambda = 1e-12;
    opened.swept = selection.value("refit", false) || selection.value("recalibrate", false);
    opened.image_record = calibration.at("images");
  } catch (const json::exception& problem) {
    throw invalid_argument(text(path.string(), ": its options make no sense: ", problem.what()));
  }
  return opened;
}

void expect_plan_of(const session& opened, const loaded_plan& planned) {
  try {
    check_plan(planned.content, opened.captured.ops, opened.graph, opened.captured.fingerprint);
  } catch (const invalid_argument& problem) {
    throw invalid_argument(text(planned.path.string(), ": ", problem.what()));
  }
}

adapter::compensated_weights weights_of(const session& opened, const loaded_plan& opened_plan,
                                        const std::optional<calibration_state>& state, std::optional<compensation> override_with) {
  const plan& made = opened_plan.content;
  const compensation how = override_with.value_or(opened_plan.compensate);
  if (!state && !override_with && !made.weights_file.empty()) {
    return adapter::load_weights(opened_plan.path.parent_path() / made.weights_file, made.weights_hash);
  }
  if (how == compensation::none) return {};
  SIRFP_EXPECTS(state, opened_plan.path.string(), ": compensation ", name_of(how),
                " needs moments: give --state STATE, or --images DIR to measure them, or --compensate none");
  adapter::compensated_weights weights = compensate_plan(opened, made, *state, how, opened_plan.lambda);
  if (opened_plan.swept && !made.weights_file.empty())
    weights.notes.push_back(text("compensated anew (", name_of(how), "); the refitted or recalibrated weights of ",
                                 opened_plan.path.string(), " are not used"));
  return weights;
}

}  // namespace sirfp::cli
