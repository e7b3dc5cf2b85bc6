#include "network_tensors.hpp"

#include <algorithm>

#include "graph_edits.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {

namespace {

bool is_constant(const std::string& name) { return name.starts_with('$'); }

}  // namespace

std::int32_t value_named(const captured_network& captured, const std::string& name) {
  const std::vector<op_value>& values = captured.ops.values;
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const op_value& v) { return v.kind != op_value::role::activation && v.name == name; });
  SIRFP_EXPECTS(found != values.end(), "the network has no tensor \"", name, "\"");
  return static_cast<std::int32_t>(found - values.begin());
}

at::Tensor tensor_named(const network& net, const captured_network& captured, const std::string& name) {
  return tensor_of(net, captured, value_named(captured, name));
}

std::map<std::string, at::Tensor> replaced_tensors(const network& net, const captured_network& captured,
                                                   const compensated_weights& weights) {
  std::map<std::string, at::Tensor> replaced = weights.tensors;
  for (const auto& [weight, bias] : weights.added_biases) {
    SIRFP_EXPECTS(replaced.erase(bias) == 1, "the compensated weights name a new bias \"", bias, "\" that is not among them");
  }
  for (auto& [name, tensor] : replaced) {
    const at::Tensor original = tensor_named(net, captured, name);
    SIRFP_EXPECTS(original.sizes() == tensor.sizes(), "compensated ", name, ": shape ", tensor.sizes(), ", the network's is ",
                  original.sizes());
    tensor = tensor.to(original.options()).contiguous(original.suggest_memory_format());
  }
  return replaced;
}

std::map<std::string, at::Tensor> module_part(const std::map<std::string, at::Tensor>& tensors) {
  std::map<std::string, at::Tensor> part;
  for (const auto& [name, tensor] : tensors)
    if (!is_constant(name)) part.emplace(name, tensor);
  return part;
}

void replace_constants(rebuilt_network& built, const captured_network& captured, const std::map<std::string, at::Tensor>& tensors) {
  for (const auto& [name, tensor] : tensors)
    if (is_constant(name)) replace_constant(built, captured, value_named(captured, name), tensor);
}

}  // namespace sirfp::adapter
