#include "planning.hpp"

#include <chrono>
#include <ctime>
#include <numeric>

#include "interrupt.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/cost.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "sirfp/fingerprint.hpp"
#include "sirfp/version.hpp"

namespace sirfp::cli {
namespace {

// Every group, or block of one, in channel order: a ranking before anything is known.
std::vector<ranked_unit> ranking_of_nothing(const channel_graph& graph) {
  std::vector<ranked_unit> units;
  for (std::size_t g = 0; g < graph.groups.size(); ++g) {
    const channel_group& group = graph.groups[g];
    if (group.locked) continue;
    for (std::int64_t block = 0; block < group.blocks; ++block) {
      ranked_unit unit;
      unit.group = static_cast<std::int32_t>(g);
      unit.name = group.blocks == 1 ? group.name : group.name + "/" + std::to_string(block);
      for (std::int32_t channel = 0; channel < group.channels; ++channel) {
        if (group.blocks == 1 || group.block[static_cast<std::size_t>(channel)] == block) unit.order.push_back(channel);
      }
      unit.marginals.assign(unit.order.size(), 0);
      unit.scores.assign(unit.order.size(), 0);
      units.push_back(std::move(unit));
    }
  }
  return units;
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
  if (chosen.allocation.allocate != allocator::uniform) return;
  const cost_model model(opened.captured.ops, opened.graph);
  allocate_widths(model, opened.graph, ranking_of_nothing(opened.graph), chosen.allocation);
}

plan plan_from_state(const session& opened, const calibration_state& state, const selection& chosen, const std::string& state_path) {
  if (chosen.needs_edges()) {
    SIRFP_EXPECTS(!state.edges.empty(), state_path,
                  ": has no edge scores, which --preset paper needs; observe with --preset paper or --edges");
  }
  const auto ranking = rank_pairwise(opened.context, opened.captured.ops, opened.graph, state, chosen.ranking);
  check_interrupt();
  const cost_model model(opened.captured.ops, opened.graph);
  const allocation widths = allocate_widths(model, opened.graph, ranking, chosen.allocation);
  plan made = make_plan(opened.captured.ops, opened.graph, ranking, widths);
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

adapter::compensated_weights compensate_plan(const session& opened, const plan& made, const calibration_state& state, compensation how) {
  check_interrupt();
  auto weights = adapter::compensate(opened.net, opened.captured, opened.graph, mask_of(made, opened.graph), state.sites, how);
  for (auto& [name, tensor] : weights.tensors) tensor = tensor.to(opened.net.stored).to(c10::kFloat);
  return weights;
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
  loaded_plan opened{path, plan_from_json(read_text(path), path.string()), {}, compensation::none, {}};
  const json selection = part_of(opened.content.options, "selection", path.string());
  const json calibration = part_of(opened.content.options, "calibration", path.string());
  try {
    selection.at("lock").get_to(opened.lock);
    opened.compensate = compensation_from(selection.at("compensate").get<std::string>());
    opened.image_record = calibration.at("images");
  } catch (const json::exception& problem) {
    throw invalid_argument(text(path.string(), ": its options make no sense: ", problem.what()));
  }
  return opened;
}

adapter::compensated_weights weights_of(const session& opened, const loaded_plan& opened_plan,
                                        const std::optional<calibration_state>& state, std::optional<compensation> override_with) {
  const plan& made = opened_plan.content;
  const compensation how = override_with.value_or(opened_plan.compensate);
  if (how == compensation::none) return {};
  if (!state && !override_with && !made.weights_file.empty()) {
    return adapter::load_weights(opened_plan.path.parent_path() / made.weights_file, made.weights_hash);
  }
  SIRFP_EXPECTS(state, opened_plan.path.string(), ": compensation ", name_of(how),
                " needs moments: give --state STATE, or --images DIR to measure them, or --compensate none");
  return compensate_plan(opened, made, *state, how);
}

}  // namespace sirfp::cli
