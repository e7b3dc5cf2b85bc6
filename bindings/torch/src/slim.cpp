#include "slim.hpp"

#include "added_biases.hpp"
#include "graph_edits.hpp"
#include "network_tensors.hpp"
#include "sirfp/adapter/apply.hpp"
#include "slices.hpp"

namespace sirfp::adapter {

namespace {

// Every tensor that a slice or the compensation changes, by name.
std::map<std::string, at::Tensor> slim_tensors(const network& net, const captured_network& captured, const plan& p,
                                               const compensated_weights& weights) {
  std::map<std::string, at::Tensor> tensors = replaced_tensors(net, captured, weights);
  std::map<std::string, std::vector<parameter_slice>> slices;
  for (const parameter_slice& slice : p.slices) slices[slice.parameter].push_back(slice);
  for (const auto& [name, of_tensor] : slices) {
    const auto compensated = tensors.find(name);
    tensors[name] = sliced(compensated != tensors.end() ? compensated->second : tensor_named(net, captured, name), of_tensor);
  }
  return tensors;
}

}  // namespace

rebuilt_network rebuild_slim(const network& net, const captured_network& captured, const channel_graph& graph, const plan& p,
                             const compensated_weights& weights) {
  check_plan(p, captured.ops, graph, captured.fingerprint);
  const channel_mask mask = mask_of(p, graph);
  const std::map<std::string, at::Tensor> tensors = slim_tensors(net, captured, p, weights);
  rebuilt_network built = rebuild(net, captured, module_part(tensors), bias_tensors(captured, graph, weights, &mask));
  replace_constants(built, captured, tensors);
  for (const literal_edit& edit : p.literals) edit_literal(built, captured, edit);
  connect_biases(built, captured, graph, weights);
  return built;
}

network slim_network(const network& net, const captured_network& captured, const channel_graph& graph, const plan& p,
                     const compensated_weights& weights) {
  return finish(rebuild_slim(net, captured, graph, p, weights), net);
}

}  // namespace sirfp::adapter
