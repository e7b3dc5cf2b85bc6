#include "sirfp/adapter/importance.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "slices.hpp"

namespace sirfp::adapter {
namespace {

constexpr std::size_t addmm_weight_argument = 2;
constexpr std::size_t weight_argument = 1;  // of convolutions, linear and BatchNorm
constexpr std::size_t transposed_argument =
    6;  // aten::_convolution(input, weight, bias, stride, padding, dilation, transposed, ..., groups)
constexpr std::size_t groups_argument = 8;
constexpr std::size_t transpose_groups_argument =
    6;  // aten::conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups)

at::Tensor tensor_argument(const network& net, const captured_network& captured, const op& o, std::size_t argument) {
  const op_argument& given = o.arguments.at(argument);
  return given.type == op_argument::kind::tensor ? tensor_of(net, captured, given.values.at(0)).to(at::kDouble) : at::Tensor();
}

// One row a filter, in the order of the layer's channels.
at::Tensor filters_of(const network& net, const captured_network& captured, const op& producer) {
  if (producer.name == "aten::addmm") return tensor_argument(net, captured, producer, addmm_weight_argument).t();
  const at::Tensor weight = tensor_argument(net, captured, producer, weight_argument);
  if (producer.name == "aten::matmul" || producer.name == "aten::mm") return weight.t();
  const bool named = producer.name.starts_with("aten::conv_transpose");
  const bool flagged =
      producer.arguments.size() > groups_argument && producer.arguments[transposed_argument].ints == std::vector<std::int64_t>{1};
  if (!named && !flagged) return weight.flatten(1);
  const std::int64_t groups = producer.arguments.at(named ? transpose_groups_argument : groups_argument).ints.at(0);
  return weight.unflatten(0, {groups, -1}).transpose(1, 2).flatten(0, 1).flatten(1);  // [groups * in, out, ...] -> [groups * out, ...]
}

at::Tensor scores_of(const network& net, const captured_network& captured, const observed_layer& layer, weight_criterion how) {
  const auto op_at = [&](std::int32_t index) -> const op& { return captured.ops.ops.at(static_cast<std::size_t>(index)); };
  if (how == weight_criterion::batch_norm && layer.observed != layer.producer) {
    const at::Tensor gamma = tensor_argument(net, captured, op_at(layer.observed), weight_argument);
    if (gamma.defined()) return gamma.abs();
  }
  const at::Tensor filters = filters_of(net, captured, op_at(layer.producer));
  return how == weight_criterion::fpgm ? at::cdist(filters, filters).sum(1) : filters.abs().sum(1);
}

}  // namespace

std::vector<std::vector<double>> weight_scores(const network& net, const captured_network& captured, const channel_graph& graph,
                                               weight_criterion how) {
  std::vector<std::vector<double>> all;
  for (const channel_group& group : graph.groups) all.emplace_back(static_cast<std::size_t>(group.channels), 0.0);
  const auto can_be_cut = [&](channel_ref c) { return c.group >= 0 && !graph.groups[static_cast<std::size_t>(c.group)].locked; };
  for (const observed_layer& layer : graph.layers) {
    if (std::none_of(layer.layout.begin(), layer.layout.end(), can_be_cut)) continue;  // its weight may be computed, and nobody asks
    const at::Tensor scores = scores_of(net, captured, layer, how);
    const double mean = scores.mean().item<double>();
    for (std::size_t i = 0; i < layer.layout.size(); ++i) {
      const channel_ref c = layer.layout[i];
      if (!can_be_cut(c) || mean <= 0) continue;
      all[static_cast<std::size_t>(c.group)][static_cast<std::size_t>(c.channel)] +=
          scores[static_cast<std::int64_t>(i)].item<double>() / mean;
    }
  }
  return all;
}

}  // namespace sirfp::adapter
