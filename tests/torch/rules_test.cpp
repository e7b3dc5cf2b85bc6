// Every rule of the channel graph by a tiny network: random removals, masked = slimmed, and as many groups prunable as the rule promises.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <functional>

#include "../support/masked_and_slim.hpp"
#include "../support/script_network.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

struct rule_case {
  std::string name;
  std::int64_t prunable = 0;                    // groups that random removal must reach
  std::function<void(script_network&)> layers;  // beside `a` (3 -> 8, 3x3) and `head` (see head_inputs)
  std::string body;                             // from y = a(x) to y, which head reads
  std::int64_t head_inputs = 8;
};

void PrintTo(const rule_case& c, std::ostream* out) { *out << c.name; }

const auto none = [](script_network&) {};
std::function<void(script_network&)> one_conv(conv_shape shape) {
  return [shape](script_network& net) { net.conv("b", shape); };
}
std::function<void(script_network&)> convs(const std::vector<conv_shape>& shapes) {  // b, c, d ...
  return [shapes](script_network& net) {
    char name = 'b';
    for (const conv_shape& shape : shapes) net.conv(std::string(1, name++), shape);
  };
}

const std::vector<rule_case> cases{
    // Dense, depthwise and grouped convolutions
    {"dense", 1, none, ""},
    {"dense_dilated_strided", 2, one_conv({.in = 8, .out = 6, .kernel = 3, .stride = 2, .padding = 2, .dilation = 2}),
     "  y = self.b.forward(y)\n", 6},
    {"depthwise", 1, one_conv({.in = 8, .out = 8, .kernel = 3, .groups = 8}), "  y = self.b.forward(y)\n"},
    {"depthwise_multiplier", 1, one_conv({.in = 8, .out = 16, .kernel = 3, .groups = 8, .bias = false}), "  y = self.b.forward(y)\n", 16},
    {"grouped", 2, one_conv({.in = 8, .out = 12, .kernel = 3, .groups = 2}), "  y = self.b.forward(y)\n", 12},
    {"grouped_four", 2, one_conv({.in = 8, .out = 8, .kernel = 1, .groups = 4, .bias = false}), "  y = self.b.forward(y)\n"},
    {"grouped_residual", 1, one_conv({.in = 8, .out = 8, .kernel = 3, .padding = 1, .groups = 2}), "  y = y + self.b.forward(y)\n"},
    {"transposed", 2, one_conv({.in = 8, .out = 6, .kernel = 2, .stride = 2, .transposed = true}), "  y = self.b.forward(y)\n", 6},
    {"transposed_grouped", 2, one_conv({.in = 8, .out = 12, .kernel = 2, .stride = 2, .groups = 2, .bias = false, .transposed = true}),
     "  y = self.b.forward(y)\n", 12},
    {"transposed_depthwise", 1, one_conv({.in = 8, .out = 8, .kernel = 2, .stride = 2, .groups = 8, .transposed = true}),
     "  y = self.b.forward(y)\n"},
    {"shared_weights", 1, one_conv({.in = 8, .out = 8, .kernel = 3, .padding = 1}),
     "  y = self.b.forward(torch.relu(self.b.forward(y)))\n"},
    {"shared_on_two_maps", 2, convs({{.in = 8, .out = 6}, {.in = 8, .out = 8, .kernel = 3, .padding = 1}}),
     "  y = torch.cat([self.b.forward(y), self.b.forward(torch.tanh(self.c.forward(y)))], 1)\n", 12},

    // Normalisation and activation
    {"batch_norm", 1, [](script_network& net) { net.batch_norm("n", 8); }, "  y = torch.relu(self.n.forward(y))\n"},
    {"conv_batch_norm_no_bias", 2,
     [](script_network& net) {
       net.conv("b", {.in = 8, .out = 8, .kernel = 3, .bias = false});
       net.batch_norm("n", 8);
     },
     "  y = torch.relu(self.n.forward(self.b.forward(y)))\n"},
    {"prelu_per_channel", 1, [](script_network& net) { net.prelu("p", 8); }, "  y = self.p.forward(y)\n"},
    {"prelu_single", 1, [](script_network& net) { net.prelu("p", 1); }, "  y = self.p.forward(y)\n"},
    {"pointwise_chain", 1, none, "  y = torch.clamp(torch.hardswish(torch.gelu(torch.sigmoid(torch.relu_(y) * 2 - 1))), -1., 6.)\n"},
    {"in_place", 1, none, "  z = torch.relu_(y)\n  y = torch.add(y, torch.mul_(z, 0.5))\n"},
    {"dropout", 1, none, "  y = torch.dropout(y, 0.5, False)\n"},
    {"scale_parameter", 1,
     [](script_network& net) {
       net.layer("s", {{"gamma", net.normal({1, 8, 1, 1})}}, "x * self.gamma");
     },
     "  y = self.s.forward(y)\n"},
    {"scale_buffer_without_batch_axis", 1,
     [](script_network& net) {
       net.layer("s", {{"gamma", net.normal({8, 1, 1}), true}}, "self.gamma - x");
     },
     "  y = self.s.forward(y)\n"},
    {"group_norm_locks", 1,
     [](script_network& net) {
       net.conv("b", {.in = 8, .out = 6});
       net.layer("n", {{"weight", net.normal({8})}, {"bias", net.normal({8})}}, "torch.group_norm(x, 2, self.weight, self.bias)");
     },
     "  y = self.b.forward(self.n.forward(y))\n", 6},

    // Sums and gates
    {"add_parallel", 1, one_conv({.in = 3, .out = 8, .kernel = 3, .padding = 1}), "  y = y + self.b.forward(x)\n"},
    {"residual", 1, one_conv({.in = 8, .out = 8, .kernel = 3, .padding = 1}), "  y = torch.relu(self.b.forward(y)) + y\n"},
    {"residual_in_place", 1, one_conv({.in = 8, .out = 8, .kernel = 3, .padding = 1}),
     "  z = self.b.forward(y)\n  z += y\n  y = torch.relu_(z)\n"},
    {"subtract_scaled", 1, one_conv({.in = 3, .out = 8, .kernel = 3, .padding = 1}), "  y = torch.sub(y, self.b.forward(x), alpha=0.5)\n"},
    {"multiply", 1, one_conv({.in = 3, .out = 8, .kernel = 3, .padding = 1}), "  y = y * torch.tanh(self.b.forward(x))\n"},
    {"squeeze_excite", 2, convs({{.in = 8, .out = 4}, {.in = 4, .out = 8}}),
     "  g = torch.adaptive_avg_pool2d(y, [1, 1])\n  y = y * torch.sigmoid(self.c.forward(torch.relu(self.b.forward(g))))\n"},
    {"squeeze_excite_linear", 2,
     [](script_network& net) {
       net.linear("b", 8, 4);
       net.linear("c", 4, 8);
     },
     "  g = torch.sigmoid(self.c.forward(torch.relu(self.b.forward(torch.mean(y, [2, 3])))))\n  y = y * torch.reshape(g, [-1, 8, 1, 1])\n"},
    {"spatial_gate", 1, one_conv({.in = 8, .out = 1}), "  y = y * torch.sigmoid(self.b.forward(y))\n"},
    {"sum_with_input_locks", 1, convs({{.in = 8, .out = 3, .kernel = 3, .padding = 1}}), "  y = self.b.forward(y) + x\n", 3},

    // Joining and cutting
    {"concat", 2, one_conv({.in = 3, .out = 6, .kernel = 3, .padding = 1}), "  y = torch.cat([y, self.b.forward(x)], 1)\n", 14},
    {"concat_dense_block", 3, convs({{.in = 8, .out = 4}, {.in = 12, .out = 4}}),
     "  y = torch.cat([y, self.b.forward(y)], 1)\n  y = torch.cat([y, torch.relu(self.c.forward(y))], 1)\n", 16},
    {"concat_with_input", 1, none, "  y = torch.cat([x, y], 1)\n", 11},
    {"concat_twice_the_same", 1, none, "  y = torch.cat([y, torch.tanh(y)], 1)\n", 16},
    {"concat_then_add", 1, convs({{.in = 3, .out = 4, .kernel = 3, .padding = 1}, {.in = 3, .out = 12, .kernel = 3, .padding = 1}}),
     "  y = torch.cat([y, self.b.forward(x)], 1) + self.c.forward(x)\n", 12},
    {"chained_sums", 2, convs({{.in = 8, .out = 4}, {.in = 8, .out = 4}, {.in = 8, .out = 4}}),
     "  p = self.b.forward(y)\n  q = p + self.c.forward(y)\n  r = q + self.d.forward(y)\n  y = torch.cat([p, q, r], 1)\n", 12},
    {"batch_norm_over_concat", 2,
     [](script_network& net) {
       net.conv("b", {.in = 3, .out = 6, .kernel = 3, .padding = 1});
       net.batch_norm("n", 14);
     },
     "  y = self.n.forward(torch.cat([y, self.b.forward(x)], 1))\n", 14},
    {"grouped_over_concat", 0,
     [](script_network& net) {
       net.conv("b", {.in = 3, .out = 4, .kernel = 3, .padding = 1});
       net.conv("g", {.in = 12, .out = 6, .groups = 2});
     },
     "  y = self.g.forward(torch.cat([y, self.b.forward(x)], 1))\n", 6},
    {"chunk", 1, none, "  p, q = torch.chunk(y, 2, 1)\n  y = p * torch.sigmoid(q)\n", 4},
    {"chunk_to_convs", 3, convs({{.in = 4, .out = 6}, {.in = 4, .out = 6}}),
     "  p, q = torch.chunk(y, 2, 1)\n  y = torch.cat([self.b.forward(p), self.c.forward(q)], 1)\n", 12},
    {"split_equal", 1, none, "  p, q = torch.split(y, 4, 1)\n  y = torch.cat([q, p], 1)\n"},
    {"split_with_sizes", 1, none, "  p, q, r = torch.split_with_sizes(y, [2, 4, 2], 1)\n  y = torch.cat([r, q], 1)\n", 6},
    {"slice", 1, none, "  y = torch.cat([y[:, 6:], y[:, :4]], 1)\n", 6},
    {"slice_from_the_end", 1, none, "  y = y[:, -4:] + y[:, :4]\n", 4},
    // Parts without common blocks of two could lose all their channels: what is cut so keeps all of them.
    {"split_unevenly_locks", 1, one_conv({.in = 8, .out = 8}),
     "  p, q, r = torch.split_with_sizes(self.b.forward(y), [1, 5, 2], 1)\n  y = torch.cat([r, q], 1)\n", 7},
    {"slice_unevenly_locks", 1, one_conv({.in = 8, .out = 8}), "  y = self.b.forward(y)\n  y = torch.cat([y[:, 5:], y[:, :3]], 1)\n", 6},
    {"slice_in_space", 1, none, "  y = y[:, :, 1:5, 2:]\n"},
    {"narrow", 1, none, "  y = torch.narrow(y, 1, 2, 4)\n", 4},
    {"glu", 1, none, "  y = torch.glu(y, 1)\n", 4},
    {"one_constant_for_two_uses", 1, convs({{.in = 4, .out = 8, .kernel = 3, .padding = 1}}),
     "  k = 4\n  p, q = torch.split(y, k, 1)\n  y = self.b.forward(p)[:, :k] + q\n", 4},

    // Space
    {"max_pool", 1, none, "  y = torch.max_pool2d(y, [2, 2], [2, 2], [0, 0], [1, 1], False)\n"},
    {"avg_pool", 1, none, "  y = torch.avg_pool2d(y, [3, 3], [2, 2], [1, 1])\n"},
    {"adaptive_pool_and_upsample", 1, none, "  y = torch.upsample_bilinear2d(torch.adaptive_avg_pool2d(y, [1, 1]), [8, 8], False) + y\n"},
    {"upsample_nearest", 1, none, "  y = torch.upsample_nearest2d(y, [16, 16])\n"},
    {"pad", 1, none, "  y = torch.reflection_pad2d(torch.constant_pad_nd(y, [1, 1, 1, 1], 0.5), [1, 0, 0, 1])\n"},
    {"mean_over_space", 1, none, "  y = y - torch.mean(y, [2, 3], True)\n"},
    {"softmax_over_space", 1, none, "  y = torch.softmax(y, 3)\n"},

    // Shape
    {"flatten_and_back", 1, none, "  y = torch.reshape(torch.flatten(y, 2, 3), [-1, 8, 8, 8])\n"},
    {"view_by_sizes", 1, none, "  y = torch.reshape(y, [y.size(0), y.size(1), -1, 4])\n"},
    {"tokens_linear", 2, [](script_network& net) { net.linear("b", 8, 6); },
     "  y = torch.permute(self.b.forward(torch.permute(y, [0, 2, 3, 1])), [0, 3, 1, 2])\n", 6},
    {"tokens_linear_without_bias", 2, [](script_network& net) { net.linear("b", 8, 6, false); },
     "  y = torch.transpose(self.b.forward(torch.transpose(torch.flatten(y, 2, 3), 1, 2)), 1, 2).reshape([-1, 6, 8, 8])\n", 6},
    {"matmul_weight", 2,
     [](script_network& net) {
       net.layer("b", {{"w", net.normal({8, 6})}}, "torch.matmul(x, self.w)");
     },
     "  y = torch.permute(self.b.forward(torch.permute(y, [0, 2, 3, 1])), [0, 3, 1, 2])\n", 6},
    {"channel_shuffle", 1, none, "  y = torch.reshape(torch.transpose(torch.reshape(y, [-1, 2, 4, 8, 8]), 1, 2), [-1, 8, 8, 8])\n"},
    {"squeeze_unsqueeze", 1, none, "  y = y * torch.unsqueeze(torch.unsqueeze(torch.mean(torch.mean(y, 3), 2), 2), 3)\n"},
    {"expand", 1, none, "  y = y + torch.mean(y, [2, 3], True).expand([-1, 8, 8, 8])\n"},
    {"stack_and_sum", 1, one_conv({.in = 3, .out = 8, .kernel = 3, .padding = 1}),
     "  y = torch.sum(torch.stack([y, self.b.forward(x)], 0), [0])\n"},

    // What mixes channels locks
    {"softmax_over_channels_locks", 1, one_conv({.in = 8, .out = 6}), "  y = self.b.forward(torch.softmax(y, 1))\n", 6},
    {"flip_locks_or_follows", 1, one_conv({.in = 8, .out = 6}), "  y = self.b.forward(torch.flip(y, [1]))\n", 6},
    {"cumsum_locks", 1, one_conv({.in = 8, .out = 6}), "  y = self.b.forward(torch.cumsum(y, 1))\n", 6},
    {"mean_over_channels_locks", 1, one_conv({.in = 8, .out = 6}), "  y = self.b.forward(y * torch.mean(y, 1, True))\n", 6},
    {"unknown_operator_locks", 1, one_conv({.in = 8, .out = 6}), "  y = self.b.forward(torch.renorm(y, 2, 1, 1.0))\n", 6},
    {"whole_norm_locks", 1, one_conv({.in = 8, .out = 6}), "  y = self.b.forward(y / torch.norm(y))\n", 6},

    // Control flow and code without use
    {"dead_branch", 1, convs({{.in = 8, .out = 6}}), "  z = self.b.forward(y)\n"},
    {"condition_on_shape", 2, one_conv({.in = 8, .out = 8}),
     "  if x.size(2) > 4:\n    y = self.b.forward(y)\n  else:\n    y = torch.relu(y)\n"},
    {"constant_loop", 1, one_conv({.in = 8, .out = 8}), "  for i in range(3):\n    y = y + torch.relu(self.b.forward(y))\n"},
};

class rules : public testing::TestWithParam<rule_case> {};

torch::jit::Module network_of(const rule_case& c, std::uint64_t seed, std::string& source) {
  script_network net(seed);
  net.conv("a", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  c.layers(net);
  net.conv("head", {.in = c.head_inputs, .out = 3});
  torch::jit::Module module = net.build("  y = self.a.forward(x)\n" + c.body + "  return self.head.forward(y)\n");
  source = net.source();
  return module;
}

TEST_P(rules, masked_equals_slim) {
  torch::jit::setGraphExecutorOptimize(false);
  at::set_num_threads(1);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    std::string source;
    const adapter::network net = adapter::load_network(network_of(GetParam(), seed, source));
    const at::Tensor input = script_network(seed + 100).normal({2, 3, 8, 8});
    const masked_and_slim result = run_both(net, input, seed, seed % 2 == 0 ? compensation::none : compensation::least_squares);
    std::string groups;
    for (const channel_group& g : result.graph.groups)
      groups += text(g.name, ": ", g.channels, " channels, ", g.blocks, " blocks, ", g.locked ? g.lock_reason : "free", "\n");
    EXPECT_LE(result.difference(), 1e-9) << "seed " << seed << "\n" << source << groups;
    EXPECT_GE(result.groups_pruned, GetParam().prunable) << "seed " << seed << "\n" << source << groups;
    EXPECT_GT(result.effect(), 1e-6) << "seed " << seed << ": the removals changed nothing\n" << source << groups;
    EXPECT_LT(result.parameters_after, result.parameters_before) << source << groups;
  }
}

INSTANTIATE_TEST_SUITE_P(operators, rules, testing::ValuesIn(cases), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sirfp::test
