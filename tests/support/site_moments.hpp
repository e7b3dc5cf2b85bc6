// Moments of every consumer site of a network, in double and by plain formulas.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sirfp/adapter/capture.hpp"
#include "sirfp/channel_graph.hpp"
#include "sirfp/moments.hpp"

namespace sirfp::test {

// Keeps every site's tensor of one forward pass.
struct site_tensors : adapter::run_listener {
  explicit site_tensors(const adapter::captured_network& c) : captured(c) {}
  void after(const torch::jit::Node* node, const std::vector<c10::IValue>& outputs) override {
    const auto op = captured.index.find(node);
    if (op == captured.index.end()) return;
    const auto& ids = captured.ops.ops[static_cast<std::size_t>(op->second)].outputs;
    for (std::size_t i = 0; i < ids.size() && i < outputs.size(); ++i)
      if (outputs[i].isTensor()) by_value[ids[i]] = outputs[i].toTensor().clone();
  }
  const adapter::captured_network& captured;
  std::map<std::int32_t, at::Tensor> by_value;
};

inline moments_state state_of(const at::Tensor& values) {  // [samples, channels]
  const std::int64_t n = values.size(1);
  const at::Tensor mean = values.mean(0);
  const at::Tensor scatter = at::matmul((values - mean).t(), values - mean).contiguous();
  std::vector<double> packed;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) packed.push_back(scatter[i][j].item<double>());
  const at::Tensor dense = mean.contiguous();
  moments_state state;
  state.channels = n;
  state.images = 1;
  state.host_weight = static_cast<double>(values.size(0));
  state.mean = buffer::from_host(host_memory(), std::vector<double>(dense.data_ptr<double>(), dense.data_ptr<double>() + n));
  state.scatter = buffer::from_host(host_memory(), packed);
  return state;
}

inline std::map<std::string, moments_state> measured(const adapter::network& net, const adapter::captured_network& captured,
                                                     const channel_graph& graph, const at::Tensor& input) {
  site_tensors listener(captured);
  adapter::run(net, input, &listener);
  std::map<std::string, moments_state> sites;
  for (const consumer_site& site : graph.sites) {
    const auto found = listener.by_value.find(site.value);
    if (found == listener.by_value.end()) continue;  // the network's input
    const auto width = static_cast<std::int64_t>(site.layout.size());
    const at::Tensor part = found->second.narrow(site.axis, site.first, width).movedim(site.axis, -1);
    sites.emplace(site.name, state_of(part.reshape({-1, width}).to(at::kDouble)));
  }
  return sites;
}

}  // namespace sirfp::test
