// A small network to observe: a convolution that two layers read behind an in-place activation.
#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

#include "plain_network.hpp"
#include "sirfp/adapter/observe.hpp"

namespace sirfp::test {

struct observed_network {
  observed_network() {
    at::manual_seed(3);
    weight_a = at::randn({8, 3, 3, 3});
    weight_b = at::randn({8, 8, 3, 3});
    weight_c = at::randn({4, 8, 1, 1});
    const auto module = plain_network()
                            .child("a", weight_a, "torch.conv2d(x, self.weight, None, [1, 1], [1, 1])")
                            .child("b", weight_b, "torch.conv2d(x, self.weight, None, [1, 1], [1, 1])")
                            .child("c", weight_c, "torch.conv2d(x, self.weight)")
                            .define(
                                "def forward(self, x):\n"
                                "  y = torch.relu_(self.a.forward(x))\n"
                                "  return self.c.forward(torch.relu(self.b.forward(y))) + self.c.forward(y)\n");
    net = adapter::load_network(module);
    captured = adapter::capture(net, at::rand({1, 3, 8, 8}));
    graph = analyse_channels(captured.ops);
  }
  adapter::observer observer(adapter::observe_options options = {}) const { return {ctx, net, captured, graph, options}; }

  context ctx = cpu_context(make_thread_pool(1));
  at::Tensor weight_a, weight_b, weight_c;
  adapter::network net;
  adapter::captured_network captured;
  channel_graph graph;
};

inline at::Tensor batch_of(std::int64_t images, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randn({images, 3, 8, 10});
}

inline const std::vector<std::string> two_names = {"one.jpg", "two.jpg"};

}  // namespace sirfp::test
