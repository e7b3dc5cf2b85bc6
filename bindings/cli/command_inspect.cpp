// sirfp inspect: what the engine sees in a network, without an image.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "report.hpp"
#include "selection.hpp"
#include "session.hpp"
#include "sirfp/cost.hpp"

namespace sirfp::cli {
namespace {

constexpr picture_size default_size = {512, 512};

struct inspect_arguments {
  common_options common;
  std::optional<picture_size> size;
  std::vector<std::string> lock;
  std::string network;
};

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string all;
  for (const std::int64_t extent : shape) all += (all.empty() ? "" : "x") + std::to_string(extent);
  return all;
}

std::string output_shape(const op_list& ops, const op& one) {
  return one.outputs.empty() ? "" : shape_text(ops.values[static_cast<std::size_t>(one.outputs.front())].shape);
}

json group_json(const channel_group& group) {
  return {{"name", group.name},
          {"channels", group.channels},
          {"blocks", group.blocks},
          {"producers", group.producers},
          {"locked", group.locked ? json(group.lock_reason) : json()}};
}

json layers_json(const op_list& ops, const std::vector<op_cost>& costs) {
  json layers = json::array();
  for (const op_cost& one : costs) {
    const op& what = ops.ops[static_cast<std::size_t>(one.op)];
    layers.push_back({{"place", what.place},
                      {"operator", what.name},
                      {"output", output_shape(ops, what)},
                      {"flops", one.cost.flops},
                      {"parameters", one.cost.parameters}});
  }
  return layers;
}

// What `observe` would look at: the maps' extents, and where their channels stand.
json observed_json(const op_list& ops, const channel_graph& graph) {
  json observed = json::array();
  for (const observed_layer& layer : graph.layers)
    observed.push_back({{"layer", layer.name}, {"shape", ops.values[static_cast<std::size_t>(layer.value)].shape}, {"axis", layer.axis}});
  return observed;
}

std::string groups_text(const channel_graph& graph) {
  std::vector<std::vector<std::string>> rows = {{"group", "channels", "producers", "blocks"}};
  std::string locks;
  for (const channel_group& group : graph.groups) {
    rows.push_back({group.name, std::to_string(group.channels), std::to_string(group.producers.size()), std::to_string(group.blocks)});
    if (group.locked) {
      rows.back().front() += " (locked)";
      locks += "locked: " + group.name + ": " + group.lock_reason + '\n';
    }
  }
  return aligned(rows) + locks;
}

std::string layers_text(const op_list& ops, const std::vector<op_cost>& costs, double all_flops) {
  std::vector<std::vector<std::string>> rows = {{"layer", "operator", "output", "FLOPs", "", "parameters"}};
  for (const op_cost& one : costs) {
    if (one.cost.flops == 0 && one.cost.parameters == 0) continue;
    const op& what = ops.ops[static_cast<std::size_t>(one.op)];
    rows.push_back({what.place, what.name, output_shape(ops, what), amount(one.cost.flops),
                    all_flops > 0 ? percent(one.cost.flops / all_flops) : "", amount(one.cost.parameters)});
  }
  return aligned(rows);
}

void inspect(const inspect_arguments& arguments) {
  set_up_computing(arguments.common);
  const picture_size size = arguments.size.value_or(default_size);
  const at::Tensor example = noise_input({1, 3, size.height, size.width}, arguments.common);
  const session opened(open_network(arguments.network, arguments.common), example, arguments.lock);
  const cost_model model(opened.captured.ops, opened.graph);
  const channel_mask everything = full_mask(opened.graph);
  const network_cost total = model.evaluate(everything);
  const std::vector<op_cost> costs = model.per_op(everything);
  std::int64_t channels = 0;
  std::int64_t prunable = 0;
  json groups = json::array();
  for (const channel_group& group : opened.graph.groups) {
    channels += group.channels;
    prunable += group.locked ? 0 : group.channels;
    groups.push_back(group_json(group));
  }
  const json result = {{"command", "inspect"},
                       {"network", arguments.network},
                       {"input", {1, 3, size.height, size.width}},
                       {"flops", total.flops},
                       {"parameters", total.parameters},
                       {"activations", total.activations},
                       {"channels", channels},
                       {"prunable_channels", prunable},
                       {"groups", groups},
                       {"observed", observed_json(opened.captured.ops, opened.graph)},
                       {"layers", layers_json(opened.captured.ops, costs)}};
  const std::string summary = "\ninput 1x3x" + text_of(size) + ": " + amount(total.flops) + " FLOPs (" + amount(total.flops / 2) +
                              " multiply-adds), " + amount(total.parameters) + " parameters; " + std::to_string(prunable) + " of " +
                              std::to_string(channels) + " channels in " + std::to_string(opened.graph.groups.size()) +
                              " groups can be pruned\n";
  print_result(arguments.common, result, groups_text(opened.graph) + '\n' + layers_text(opened.captured.ops, costs, total.flops) + summary);
}

}  // namespace

action add_inspect(CLI::App& app) {
  auto arguments = std::make_shared<inspect_arguments>();
  app.add_option("NET", arguments->network, "TorchScript network")->required();
  add_size(app, "--size", arguments->size, "of the input image (default 512x512)");
  add_lock_option(app, arguments->lock);
  add_common_options(app, arguments->common);
  app.footer("Example:\n  sirfp inspect net.pt --size 360x480");
  return [arguments] { inspect(*arguments); };
}

}  // namespace sirfp::cli
