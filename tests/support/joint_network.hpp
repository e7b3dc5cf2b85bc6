// A network analysed and calibrated for joint redundancy, and what its output loses under a mask.
#pragma once

#include <ATen/Parallel.h>

#include <map>
#include <string>
#include <vector>

#include "masked_and_slim.hpp"
#include "sirfp/adapter/joint.hpp"
#include "site_moments.hpp"

namespace sirfp::test {

struct joint_network {
  // Moments are those of `images` [N, C, H, W].
  joint_network(const torch::jit::Module& module, at::Tensor calibration)
      : net(adapter::load_network(module)),
        images(std::move(calibration)),
        captured(adapter::capture(net, images)),
        graph(analyse_channels(captured.ops)),
        moments(measured(net, captured, graph, images)) {
    at::set_num_threads(1);  // too small to share, and beside other work they would only wait for each other
  }

  std::vector<joint_site> sites() const { return adapter::joint_sites(reference_context(), net, captured, graph, moments); }
  adapter::compensated_weights compensated(const channel_mask& mask, double lambda) const {
    return adapter::compensate(reference_context(), net, captured, graph, mask, moments, compensation::least_squares, lambda);
  }
  adapter::compensated_weights refitted(const channel_mask& mask, const adapter::refit_options& options) const {
    return adapter::refit(reference_context(), net, captured, graph, mask, adapter::in_turn({images}), options);
  }
  std::int32_t group_of(const std::string& producer) const {
    for (std::size_t g = 0; g < graph.groups.size(); ++g)
      if (std::ranges::count(graph.groups[g].producers, producer) > 0) return static_cast<std::int32_t>(g);
    throw std::runtime_error("no group of " + producer);
  }
  at::Tensor output() const { return output_of(net); }
  at::Tensor masked_output(const channel_mask& mask, const adapter::compensated_weights& weights) const {
    return output_of(adapter::masked_network(net, captured, graph, plan_of(captured.ops, graph, captured.fingerprint, mask), weights));
  }
  at::Tensor slim_output(const channel_mask& mask, const adapter::compensated_weights& weights) const {
    return output_of(adapter::slim_network(net, captured, graph, plan_of(captured.ops, graph, captured.fingerprint, mask), weights));
  }

  adapter::network net;
  at::Tensor images;
  adapter::captured_network captured;
  channel_graph graph;
  std::map<std::string, moments_state> moments;

 private:
  at::Tensor output_of(const adapter::network& of) const {
    const c10::InferenceMode inference;
    return of.module.get_method("forward")({images}).toTensor();
  }
};

inline double squared_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).square().sum().item<double>(); }
// Sum of squared differences over the variance of the reference (METHOD 6).
inline double relative_error(const at::Tensor& cut, const at::Tensor& reference) {
  return squared_difference(cut, reference) / (reference - reference.mean()).square().sum().item<double>();
}

}  // namespace sirfp::test
