// One network through both executions of one plan: masked and slimmed, which must agree.
#pragma once

#include <random>

#include "random_removal.hpp"
#include "sirfp/adapter/apply.hpp"
#include "sirfp/adapter/compare.hpp"

namespace sirfp::test {

struct masked_and_slim {
  channel_graph graph;
  channel_mask mask;
  std::vector<std::string> notes;
  at::Tensor original;
  at::Tensor masked;
  at::Tensor slim;
  std::int64_t groups_pruned = 0;
  std::int64_t channels_removed = 0;
  std::int64_t parameters_before = 0;
  std::int64_t parameters_after = 0;

  double difference() const { return adapter::relative_difference(masked, slim, original); }
  double effect() const { return adapter::relative_difference(original, slim, original); }
};

inline std::int64_t parameter_count(const torch::jit::Module& module) {
  std::int64_t count = 0;
  for (const at::Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

// Moments as calibration might have left them: any mean, any positive definite covariance.
inline std::map<std::string, moments_state> random_moments(const channel_graph& graph, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::map<std::string, moments_state> sites;
  for (const consumer_site& site : graph.sites) {
    const auto n = static_cast<std::int64_t>(site.layout.size());
    const at::Tensor factor = at::empty({n, n}, at::kDouble);
    std::generate_n(factor.data_ptr<double>(), n * n, [&] { return normal(random); });
    const at::Tensor scatter = at::matmul(factor, factor.t()).contiguous();
    std::vector<double> packed;
    std::vector<double> mean;
    for (std::int64_t i = 0; i < n; ++i) {
      mean.push_back(normal(random));
      for (std::int64_t j = 0; j <= i; ++j) packed.push_back(scatter.data_ptr<double>()[i * n + j]);
    }
    moments_state& state = sites[site.name];
    state.channels = n;
    state.images = 1;
    state.host_weight = static_cast<double>(n);
    state.mean = buffer::from_host(host_memory(), mean);
    state.scatter = buffer::from_host(host_memory(), packed);
  }
  return sites;
}

// Removes channels at random; with compensation from random moments when `how` says so. Both results run as a user would run them.
inline masked_and_slim run_both(const adapter::network& net, const at::Tensor& input, std::uint64_t seed, compensation how) {
  const adapter::captured_network captured = adapter::capture(net, input);
  masked_and_slim result;
  result.graph = analyse_channels(captured.ops);
  std::mt19937_64 random(seed);
  result.mask = random_mask(result.graph, random);
  const plan p = plan_of(captured.ops, result.graph, captured.fingerprint, result.mask);
  const adapter::compensated_weights weights =
      adapter::compensate(reference_context(), net, captured, result.graph, result.mask, random_moments(result.graph, random), how);
  result.notes = weights.notes;
  adapter::network masked = adapter::masked_network(net, captured, result.graph, p, weights);
  adapter::network slim = adapter::slim_network(net, captured, result.graph, p, weights);
  const c10::InferenceMode inference;
  result.original = adapter::output_tensor(net, net.module.get_method("forward")({input}));
  result.masked = adapter::output_tensor(masked, masked.module.forward({input}));
  result.slim = adapter::output_tensor(slim, slim.module.forward({input}));
  for (const std::vector<std::uint8_t>& group : result.mask) {
    const auto removed = std::count(group.begin(), group.end(), 0);
    result.groups_pruned += removed > 0;
    result.channels_removed += removed;
  }
  result.parameters_before = parameter_count(net.module);
  result.parameters_after = parameter_count(slim.module);
  return result;
}

}  // namespace sirfp::test
