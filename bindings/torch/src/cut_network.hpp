// The cut network while the sequential refit finds its weights: slim from the start, so that its passes cost what remains of the work.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "consumer_weights.hpp"
#include "program.hpp"
#include "rebuild.hpp"
#include "sirfp/adapter/apply.hpp"

namespace sirfp::adapter {

class cut_network {
 public:
  // With the network's own weights, sliced. All must outlive it.
  cut_network(const network& net, const captured_network& captured, const channel_graph& graph, const channel_mask& mask);

  std::shared_ptr<const program> code() const { return code_; }
  const torch::jit::Node* twin_of(const torch::jit::Node* original) const { return built_.copies.at(original); }
  // What a site's readers see of it here: its kept positions.
  at::Tensor site_in(const at::Tensor& tensor, const consumer_site& site) const;
  // What the reader reads of `weights`, which are of full size, at its place here.
  std::vector<argument_override> overrides(const consumer& reader, const compensated_weights& weights) const;

 private:
  at::Tensor slim(const std::string& name, const consumer& reader, const compensated_weights& weights) const;

  const captured_network& captured_;
  const channel_graph& graph_;
  const channel_mask& mask_;
  plan plan_;
  rebuilt_network built_;
  std::shared_ptr<const program> code_;
};

}  // namespace sirfp::adapter
