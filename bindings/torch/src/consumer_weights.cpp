#include "consumer_weights.hpp"

#include <ATen/ATen.h>

#include <set>

#include "graph_edits.hpp"
#include "sirfp/expects.hpp"
#include "slices.hpp"

namespace sirfp::adapter {
namespace {

const op& op_at(const captured_network& captured, std::int32_t index) { return captured.ops.ops.at(static_cast<std::size_t>(index)); }
const torch::jit::Node* node_at(const captured_network& captured, std::int32_t index) {
  return captured.nodes.at(static_cast<std::size_t>(index));
}
const std::string& name_at(const captured_network& captured, std::int32_t value) {
  return captured.ops.values.at(static_cast<std::size_t>(value)).name;
}

std::size_t argument_holding(const op& reader, std::int32_t value) {
  for (std::size_t a = 0; a < reader.arguments.size(); ++a)
    if (reader.arguments[a].type == op_argument::kind::tensor && reader.arguments[a].values.at(0) == value) return a;
  throw failure(text(reader.name, " at ", reader.place, " does not read its weight"));
}

at::Tensor part_of(const at::Tensor& weight, const consumer& reader) {
  const std::int64_t rows = weight.size(0) / reader.blocks;
  return weight.narrow(0, reader.block * rows, rows);
}

// aten::batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled)
constexpr std::size_t norm_weight = 1, norm_mean = 3, norm_variance = 4, norm_epsilon = 7;

}  // namespace

at::Tensor block_of(const at::Tensor& weight, const consumer& reader) {
  at::Tensor part = part_of(weight, reader);
  if (reader.input_axis == 0) part = part.transpose(0, 1);
  return part.reshape({part.size(0), part.size(1), -1});
}

void zero_positions(at::Tensor& weight, const consumer& reader, const std::vector<std::int64_t>& positions) {
  if (!positions.empty()) part_of(weight, reader).index_fill_(reader.input_axis, at::tensor(positions, at::kLong), 0);
}

std::vector<std::int64_t> removed_positions(const channel_layout& layout, const channel_mask& mask) {
  std::vector<std::int64_t> removed;
  for (std::size_t i = 0; i < layout.size(); ++i)
    if (!is_kept(layout[i], mask)) removed.push_back(static_cast<std::int64_t>(i));
  return removed;
}

at::Tensor norm_gain(const network& net, const captured_network& captured, const consumer& reader) {
  if (reader.norm < 0) return {};
  const op& norm = op_at(captured, reader.norm);
  const auto tensor = [&](std::size_t argument) {
    const op_argument& given = norm.arguments.at(argument);
    return given.type == op_argument::kind::tensor ? tensor_of(net, captured, given.values.at(0)).to(at::kDouble) : at::Tensor();
  };
  const at::Tensor variance = tensor(norm_variance);
  if (!variance.defined() || norm.arguments.at(norm_epsilon).floats.empty()) return {};
  const at::Tensor gamma = tensor(norm_weight);
  const at::Tensor inverse = 1 / (variance + norm.arguments[norm_epsilon].floats[0]);
  if (!gamma.defined()) return inverse / static_cast<double>(inverse.numel());
  const at::Tensor squares = gamma * gamma;
  const double sum = squares.sum().item<double>();
  return sum > 0 ? squares * inverse / sum : at::zeros_like(inverse);
}

double share_of_taps(const op& reader, const consumer& use, std::int64_t weight_axes) {
  constexpr std::size_t stride_argument = 3;
  const bool transposed = use.input_axis == 0 && weight_axes > 2;
  if (!transposed) return 1;
  const std::vector<std::int64_t>& stride = reader.arguments.at(stride_argument).ints;
  double outputs = 1;
  for (std::int64_t axis = 2; axis < weight_axes; ++axis)
    outputs *= static_cast<double>(stride.size() == 1 ? stride[0] : stride.at(static_cast<std::size_t>(axis - 2)));
  return 1 / outputs;
}

std::vector<parameter_reading> parameter_readings(const captured_network& captured, const consumer& reader,
                                                  const compensated_weights& weights) {
  std::vector<parameter_reading> readings;
  const auto add = [&](std::int32_t op_index, std::size_t argument, const std::string& name) {
    if (weights.tensors.contains(name)) readings.push_back({node_at(captured, op_index), argument, name});
  };
  const op& operation = op_at(captured, reader.op);
  const std::string& weight = name_at(captured, reader.weight);
  add(reader.op, argument_holding(operation, reader.weight), weight);
  if (reader.bias >= 0) add(reader.op, argument_holding(operation, reader.bias), name_at(captured, reader.bias));
  if (const auto bias = weights.added_biases.find(weight); bias != weights.added_biases.end())
    add(reader.op, static_cast<std::size_t>(bias_argument(operation.name)), bias->second);
  if (reader.norm < 0) return readings;
  const op_argument& mean = op_at(captured, reader.norm).arguments.at(norm_mean);
  if (mean.type == op_argument::kind::tensor) add(reader.norm, norm_mean, name_at(captured, mean.values.at(0)));
  return readings;
}

std::vector<argument_override> overrides_of(const network& net, const captured_network& captured, const channel_graph& graph,
                                            const channel_mask& mask, const compensated_weights& weights) {
  compensated_weights zeroed = weights;
  std::set<std::string> own;  // tensors that are copies already
  for (const consumer_site& site : graph.sites) {
    const std::vector<std::int64_t> removed = removed_positions(site.layout, mask);
    if (removed.empty()) continue;
    for (const consumer& reader : site.consumers) {
      const std::string& name = name_at(captured, reader.weight);
      at::Tensor& weight = zeroed.tensors.try_emplace(name, tensor_of(net, captured, reader.weight)).first->second;
      if (own.insert(name).second) weight = weight.clone();
      zero_positions(weight, reader, removed);
    }
  }
  std::vector<argument_override> overrides;
  for (const consumer_site& site : graph.sites)
    for (const consumer& reader : site.consumers)
      for (const parameter_reading& reading : parameter_readings(captured, reader, zeroed))
        overrides.push_back({reading.node, reading.argument, zeroed.tensors.at(reading.name)});
  return overrides;
}

}  // namespace sirfp::adapter
