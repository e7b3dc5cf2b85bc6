#include "added_biases.hpp"

#include <algorithm>
#include <set>

#include "graph_edits.hpp"
#include "sirfp/expects.hpp"
#include "slices.hpp"

namespace sirfp::adapter {

namespace {

std::set<std::int32_t> readers_of(const std::string& weight, const captured_network& captured, const channel_graph& graph) {
  std::set<std::int32_t> ops;
  for (const consumer_site& site : graph.sites)
    for (const consumer& reader : site.consumers)
      if (captured.ops.values.at(static_cast<std::size_t>(reader.weight)).name == weight) ops.insert(reader.op);
  SIRFP_EXPECTS(!ops.empty(), "the compensated weights add a bias to ", weight, ", which no operator of the network reads");
  return ops;
}

}  // namespace

std::vector<added_tensor> bias_tensors(const captured_network& captured, const channel_graph& graph, const compensated_weights& weights,
                                       const channel_mask* mask) {
  std::vector<added_tensor> added;
  for (const auto& [weight, bias] : weights.added_biases) {
    at::Tensor value = weights.tensors.at(bias);
    if (mask != nullptr) {
      const std::int32_t op = *readers_of(weight, captured, graph).begin();
      const std::int32_t output = captured.ops.ops.at(static_cast<std::size_t>(op)).outputs.at(0);
      const channel_layout& layout = graph.layouts.at(static_cast<std::size_t>(output));
      if (!layout.empty()) value = sliced(value, {{bias, 0, 1, kept_positions(layout, *mask)}});
    }
    added.push_back({bias, value});
  }
  return added;
}

void connect_biases(rebuilt_network& built, const captured_network& captured, const channel_graph& graph,
                    const compensated_weights& weights) {
  for (const auto& [weight, bias] : weights.added_biases)
    for (const std::int32_t op : readers_of(weight, captured, graph)) connect_bias(built, captured, op, bias);
}

std::string added_bias_name(const std::string& weight, const captured_network& captured, const compensated_weights& result) {
  std::string name;
  if (weight.starts_with('$')) {
    name = "sirfp_bias_" + weight.substr(weight.rfind('.') + 1);
  } else {
    const bool plain = weight == "weight" || weight.ends_with(".weight");
    name = plain ? weight.substr(0, weight.size() - 6) + "bias" : weight + "_bias";
  }
  const auto taken = [&](const std::string& candidate) {
    return result.tensors.contains(candidate) ||
           std::any_of(captured.ops.values.begin(), captured.ops.values.end(),
                       [&](const op_value& v) { return v.kind != op_value::role::activation && v.name == candidate; });
  };
  while (taken(name)) name += "_added";
  return name;
}

}  // namespace sirfp::adapter
