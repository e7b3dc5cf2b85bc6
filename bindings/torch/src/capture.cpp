#include "sirfp/adapter/capture.hpp"

#include <ATen/Parallel.h>

#include <sstream>

#include "module_paths.hpp"
#include "operator_error.hpp"
#include "recorder.hpp"
#include "sirfp/expects.hpp"
#include "widen.hpp"

namespace sirfp::adapter {
namespace {

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> names;
  std::istringstream in(path);
  for (std::string name; std::getline(in, name, '.');) names.push_back(name);
  return names;
}

at::Tensor attribute_named(const network& net, const std::string& path) {
  const auto found = attribute_at(net.module, split(path));
  SIRFP_EXPECTS(found && found->value.isTensor(), "parameter ", path, ": the network has none of that name");
  return found->value.toTensor();
}

// The hash of the values as the file holds them.
std::string hash_of(const network& net, const at::Tensor& tensor) {
  const auto stored = is_narrow(net.stored) && tensor.scalar_type() == c10::kFloat ? tensor.to(net.stored) : tensor;
  const auto dense = stored.to(c10::kCPU).contiguous();
  return hash_bytes(dense.const_data_ptr(), static_cast<std::size_t>(dense.nbytes()));
}

void add_hashes(const network& net, network_fingerprint& fingerprint) {
  std::vector<at::Tensor> tensors;
  for (const auto& parameter : fingerprint.parameters) {
    const auto found = attribute_at(net.module, split(parameter.name));
    tensors.push_back(found && found->value.isTensor() ? found->value.toTensor().detach() : at::Tensor());
  }
  at::parallel_for(0, static_cast<std::int64_t>(tensors.size()), 1, [&](std::int64_t first, std::int64_t last) {
    const c10::InferenceMode guard;
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i)
      if (tensors[i].defined()) fingerprint.parameters[i].hash = hash_of(net, tensors[i]);
  });
}

}  // namespace

captured_network capture(const network& net, const at::Tensor& example) {
  const at::Tensor input = sent_to(net.place->device(), example);
  recorder record(net, input);
  captured_network captured;
  try {
    captured = record.finish(run(net, input, &record));
  } catch (const operator_error& error) {
    std::ostringstream shape;
    shape << example.sizes();
    throw invalid_argument(text("network: does not take an input ", shape.str(), ": ", error.what()));
  }
  captured.fingerprint = fingerprint_of(captured.ops);
  add_hashes(net, captured.fingerprint);
  return captured;
}

at::Tensor tensor_of(const network& net, const captured_network& captured, std::int32_t value) {
  SIRFP_EXPECTS(value >= 0 && static_cast<std::size_t>(value) < captured.ops.values.size(), "value ", value, ": not in the op list");
  const auto& entry = captured.ops.values[static_cast<std::size_t>(value)];
  if (entry.kind == op_value::role::parameter || entry.kind == op_value::role::buffer) return attribute_named(net, entry.name);
  SIRFP_EXPECTS(entry.kind == op_value::role::constant, "value ", value, " (", entry.name,
                "): an activation, expected a parameter, buffer or constant");
  for (const auto& [graph_value, id] : captured.values)
    if (id == value && graph_value->node()->kind() == c10::prim::Constant) return graph_value->node()->t(torch::jit::attr::value);
  throw failure(text("constant ", entry.name, ": not in the graph"));
}

}  // namespace sirfp::adapter
