// Layers with channels that the others predict without error.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "script_network.hpp"
#include "sirfp/channel_graph.hpp"

namespace sirfp::test {

// `a`: 3 -> 8 channels, of which 5, 6 and 7 are affine, or linear, functions of the first five.
inline void redundant_producer(script_network& net, const std::string& name, bool affine = true) {
  const at::Tensor free = net.normal({5, 3, 3, 3});
  const at::Tensor mix = net.normal({3, 5});
  const at::Tensor weight = at::cat({free, at::matmul(mix, free.flatten(1)).view({3, 3, 3, 3})});
  const at::Tensor bias = net.normal({8});
  if (!affine) bias.slice(0, 5).copy_(at::matmul(mix, bias.slice(0, 0, 5)));
  net.layer(name, {{"weight", weight}, {"bias", bias}}, "torch.conv2d(x, self.weight, self.bias)");
}

inline const std::vector<std::size_t> redundant{5, 6, 7};

// Each block has to predict from its own channels: 3 of 0..2, 7 of 4..6.
inline void block_redundant_producer(script_network& net) {
  at::Tensor weight = net.normal({8, 3, 3, 3});
  weight[3] = weight[0] * 0.5 - weight[1] * 2;
  weight[7] = weight[4] + weight[6];
  net.layer("a", {{"weight", weight}, {"bias", net.normal({8})}}, "torch.conv2d(x, self.weight, self.bias)");
}

inline channel_mask mask_without(const channel_graph& graph, const std::string& producer, const std::vector<std::size_t>& removed) {
  channel_mask mask = full_mask(graph);
  for (std::size_t g = 0; g < graph.groups.size(); ++g) {
    const auto& places = graph.groups[g].producers;
    if (std::find(places.begin(), places.end(), producer) == places.end()) continue;
    EXPECT_FALSE(graph.groups[g].locked) << graph.groups[g].lock_reason;
    for (const std::size_t c : removed) mask[g][c] = 0;
  }
  return mask;
}

}  // namespace sirfp::test
