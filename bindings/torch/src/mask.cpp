#include <ATen/ATen.h>

#include <algorithm>

#include "added_biases.hpp"
#include "graph_edits.hpp"
#include "network_tensors.hpp"
#include "sirfp/adapter/apply.hpp"
#include "sirfp/expects.hpp"
#include "slices.hpp"

namespace sirfp::adapter {

namespace {

// One operator's argument and which positions of its channel axis it may read.
struct masked_argument {
  std::int32_t op = -1;
  std::size_t argument = 0;
  std::int32_t value = -1;
  std::int32_t axis = 1;
  std::vector<std::uint8_t> kept;
  std::string path;  // of the mask
};

std::size_t argument_reading(const op& reader, std::int32_t value) {
  for (std::size_t a = 0; a < reader.arguments.size(); ++a) {
    const op_argument& argument = reader.arguments[a];
    if (argument.type == op_argument::kind::tensor && argument.values.at(0) == value) return a;
  }
  throw failure(text(reader.place, ": ", reader.name, " does not read its consumer site"));
}

// Grouped convolutions read one site a block; their positions meet in one mask.
std::vector<masked_argument> masked_arguments(const captured_network& captured, const channel_graph& graph, const channel_mask& mask) {
  std::map<std::pair<std::int32_t, std::size_t>, masked_argument> found;
  for (const consumer_site& site : graph.sites) {
    const op_value& value = captured.ops.values.at(static_cast<std::size_t>(site.value));
    for (const consumer& reader : site.consumers) {
      const std::size_t argument = argument_reading(captured.ops.ops.at(static_cast<std::size_t>(reader.op)), site.value);
      masked_argument& at = found.try_emplace({reader.op, argument}).first->second;
      if (at.kept.empty()) {
        const auto extent = static_cast<std::size_t>(value.shape.at(static_cast<std::size_t>(site.axis)));
        at = {reader.op, argument, site.value, site.axis, std::vector<std::uint8_t>(extent, 1), ""};
      }
      for (std::size_t i = 0; i < site.layout.size(); ++i)
        if (!is_kept(site.layout[i], mask)) at.kept.at(static_cast<std::size_t>(site.first) + i) = 0;
    }
  }
  std::vector<masked_argument> result;
  for (auto& [where, argument] : found)
    if (std::count(argument.kept.begin(), argument.kept.end(), 0) > 0) result.push_back(std::move(argument));
  return result;
}

at::Tensor mask_tensor(const masked_argument& argument, const captured_network& captured, c10::ScalarType type) {
  const std::vector<std::int64_t>& shape = captured.ops.values.at(static_cast<std::size_t>(argument.value)).shape;
  std::vector<std::int64_t> extents(shape.size(), 1);
  extents.at(static_cast<std::size_t>(argument.axis)) = static_cast<std::int64_t>(argument.kept.size());
  at::Tensor mask = at::empty(extents, at::kByte);
  std::copy(argument.kept.begin(), argument.kept.end(), mask.data_ptr<std::uint8_t>());
  return mask.to(type);
}

// One buffer for each different mask.
std::vector<added_tensor> mask_buffers(std::vector<masked_argument>& arguments, const captured_network& captured, c10::ScalarType type) {
  std::vector<added_tensor> buffers;
  for (masked_argument& argument : arguments) {
    const at::Tensor mask = mask_tensor(argument, captured, type);
    const auto same = std::find_if(buffers.begin(), buffers.end(), [&](const added_tensor& b) { return at::equal(b.value, mask); });
    argument.path = same != buffers.end() ? same->name : text("sirfp_mask_", buffers.size());
    if (same == buffers.end()) buffers.push_back({argument.path, mask, false});
  }
  return buffers;
}

c10::ScalarType type_of(const network& net) {
  for (const at::Tensor& parameter : net.module.parameters())
    if (parameter.is_floating_point()) return parameter.scalar_type();
  return c10::kFloat;
}

}  // namespace

network masked_network(const network& net, const captured_network& captured, const channel_graph& graph, const plan& p,
                       const compensated_weights& weights) {
  check_plan(p, captured.ops, graph, captured.fingerprint);
  std::vector<masked_argument> arguments = masked_arguments(captured, graph, mask_of(p, graph));
  std::vector<added_tensor> added = mask_buffers(arguments, captured, type_of(net));
  for (added_tensor& bias : bias_tensors(captured, graph, weights, nullptr)) added.push_back(std::move(bias));
  const std::map<std::string, at::Tensor> tensors = replaced_tensors(net, captured, weights);
  rebuilt_network built = rebuild(net, captured, module_part(tensors), added);
  replace_constants(built, captured, tensors);
  connect_biases(built, captured, graph, weights);
  for (const masked_argument& argument : arguments) multiply_argument(built, captured, argument.op, argument.argument, argument.path);
  return finish(std::move(built), net);
}

}  // namespace sirfp::adapter
