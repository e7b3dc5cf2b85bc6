// Consumer metrics of real operators, and what they predict of the error in the output.
#include <gtest/gtest.h>

#include "../support/error_text.hpp"
#include "../support/joint_network.hpp"
#include "../support/script_network.hpp"

namespace sirfp::test {
namespace {

// The metric before it is divided, from the operators themselves: how the consumers answer to one pixel of each channel.
at::Tensor responses_gram(const torch::jit::Module& module, const std::vector<std::string>& layers, const at::Tensor& example,
                          std::int64_t axis, std::int64_t first, std::int64_t count) {
  const c10::InferenceMode inference;
  const auto answer = [&](const at::Tensor& input) {
    torch::jit::IValue x = input;
    for (const std::string& layer : layers) x = module.attr(layer).toModule().get_method("forward")({x});
    return x.toTensor();
  };
  std::vector<at::Tensor> rows;
  const at::Tensor silent = at::zeros_like(example);
  for (std::int64_t c = first; c < first + count; ++c) {
    at::Tensor pulse = silent.clone();
    const std::int64_t middle = 4;
    if (axis == 1)
      pulse[0][c][middle][middle] = 1;
    else
      pulse[0][middle][middle][c] = 1;
    rows.push_back((answer(pulse) - answer(silent)).flatten());
  }
  const at::Tensor all = at::stack(rows);
  return at::matmul(all, all.t());
}

const joint_site& site_named(const std::vector<joint_site>& sites, const std::string& name) {
  for (const joint_site& site : sites)
    if (site.site->name == name) return site;
  throw std::runtime_error("no site " + name);
}

at::Tensor square_of(const buffer& matrix) {
  const at::Tensor values = at::tensor(matrix.to_host_sync(), at::kDouble);
  const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(matrix.size()))));
  return values.view({side, side});
}

struct reader_case {
  std::string layer;                   // the consumer, 8 channels to 6
  std::vector<std::string> then = {};  // and the BatchNorm that alone reads it, if any
  std::int64_t blocks = 1;
  std::string forward = "torch.relu(self.stem.forward(x))";
  std::int64_t axis = 1;
};

void expect_metric_of_operators(script_network& maker, const reader_case& c) {
  SCOPED_TRACE(c.layer);
  maker.conv("stem", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  std::string call = "self." + c.layer + ".forward(z)";
  std::vector<std::string> layers{c.layer};
  for (const std::string& norm : c.then) {
    call = "self." + norm + ".forward(" + call + ")";
    layers.push_back(norm);
  }
  const torch::jit::Module module = maker.build("  z = " + c.forward + "\n  return " + call + "\n");
  const joint_network all(module, maker.normal({2, 3, 8, 8}));
  const std::vector<joint_site> sites = all.sites();
  const std::int64_t width = 8 / c.blocks;
  for (std::int64_t block = 0; block < c.blocks; ++block) {
    const joint_site& site = site_named(sites, c.blocks == 1 ? c.layer : text(c.layer, "/", block));
    const at::Tensor covariance = square_of(site.matrices.covariance), found = square_of(site.matrices.metric);
    const at::Tensor example = at::zeros(c.axis == 1 ? at::IntArrayRef{1, 8, 9, 9} : at::IntArrayRef{1, 9, 9, 8}, at::kDouble);
    const at::Tensor gram = responses_gram(module, layers, example, c.axis, block * width, width);
    double denominator = (gram * covariance).sum().item<double>();
    if (!c.then.empty()) {
      // The answers hold gamma^2 / (var + eps) already; all outputs of the BatchNorm count, whichever block they are of.
      denominator = module.attr(c.then[0]).toModule().attr("weight").toTensor().square().sum().item<double>();
    }
    EXPECT_TRUE(at::allclose(found, gram / denominator, 1e-10, 1e-12)) << "block " << block << "\n" << found << gram / denominator;
  }
}

TEST(joint_sites, metrics_are_what_the_operators_answer) {
  const auto check = [](std::uint64_t seed, const reader_case& c, auto add_layers) {
    script_network maker(seed);
    add_layers(maker);
    expect_metric_of_operators(maker, c);
  };
  check(1, {"pointwise"}, [](script_network& m) { m.conv("pointwise", {.in = 8, .out = 6}); });
  check(2, {"square"}, [](script_network& m) { m.conv("square", {.in = 8, .out = 6, .kernel = 3, .padding = 1, .bias = false}); });
  check(3, {"dilated"}, [](script_network& m) { m.conv("dilated", {.in = 8, .out = 6, .kernel = 2, .dilation = 2}); });
  check(4, {"normed", {"norm"}}, [](script_network& m) {
    m.conv("normed", {.in = 8, .out = 6, .kernel = 3, .padding = 1});
    m.batch_norm("norm", 6);
  });
  check(5, {"grouped", {}, 2}, [](script_network& m) { m.conv("grouped", {.in = 8, .out = 6, .kernel = 3, .padding = 1, .groups = 2}); });
  check(6, {"grouped", {"norm"}, 2}, [](script_network& m) {
    m.conv("grouped", {.in = 8, .out = 6, .kernel = 3, .padding = 1, .groups = 2});
    m.batch_norm("norm", 6);
  });
  check(7, {"transposed"},
        [](script_network& m) { m.conv("transposed", {.in = 8, .out = 6, .kernel = 4, .stride = 2, .transposed = true}); });
  check(8, {"transposed", {"norm"}, 2}, [](script_network& m) {
    m.conv("transposed", {.in = 8, .out = 6, .kernel = 3, .groups = 2, .transposed = true});
    m.batch_norm("norm", 6);
  });
  check(9, {"linear", {}, 1, "torch.permute(torch.relu(self.stem.forward(x)), [0, 2, 3, 1])", 3},
        [](script_network& m) { m.linear("linear", 8, 6); });
  check(10, {"behind", {}, 1, "self.depthwise.forward(torch.relu(self.stem.forward(x)))"}, [](script_network& m) {
    m.conv("depthwise", {.in = 8, .out = 8, .kernel = 3, .padding = 1, .groups = 8});
    m.conv("behind", {.in = 8, .out = 6});
  });
}

TEST(joint_sites, two_readers_of_one_site_add_up) {
  script_network maker(11);
  maker.conv("stem", {.in = 3, .out = 8});
  maker.conv("left", {.in = 8, .out = 2});
  maker.conv("right", {.in = 8, .out = 4, .kernel = 3, .padding = 1});
  const torch::jit::Module module =
      maker.build("  z = torch.relu(self.stem.forward(x))\n  return torch.cat([self.left.forward(z), self.right.forward(z)], 1)\n");
  const joint_network all(module, maker.normal({2, 3, 8, 8}));
  const auto sites = all.sites();
  ASSERT_EQ(sites.size(), 1u);  // the network's input has no moments here
  const at::Tensor covariance = square_of(sites[0].matrices.covariance);
  at::Tensor expected = at::zeros({8, 8}, at::kDouble);
  for (const char* layer : {"left", "right"}) {
    const at::Tensor gram = responses_gram(module, {layer}, at::zeros({1, 8, 9, 9}, at::kDouble), 1, 0, 8);
    expected += gram / (gram * covariance).sum();
  }
  EXPECT_TRUE(at::allclose(square_of(sites[0].matrices.metric), expected, 1e-10, 1e-12));
}

// One tap and no border: the cumulated cost is the error in the consumer's output, relative to that output's variance.
TEST(joint_sites, predicted_error_is_the_measured_error_of_a_pointwise_network) {
  for (const bool bias : {true, false}) {
    script_network maker(12);
    maker.conv("stem", {.in = 3, .out = 8});
    maker.conv("head", {.in = 8, .out = 4, .bias = bias});
    const joint_network all(maker.build("  return self.head.forward(torch.tanh(self.stem.forward(x)))\n"), maker.normal({2, 3, 12, 12}));
    const double lambda = 1e-10;
    const auto curves = rank_joint(reference_context(), all.graph, all.sites(), lambda);
    ASSERT_EQ(curves.size(), 1u);
    const at::Tensor reference = all.output();
    const double variance = squared_difference(reference, reference.mean({0, 2, 3}, true));
    channel_mask mask = full_mask(all.graph);
    double predicted = 0;
    for (std::size_t t = 0; t < 7; ++t) {
      mask[static_cast<std::size_t>(curves[0].group)][static_cast<std::size_t>(curves[0].order[t])] = 0;
      predicted += curves[0].costs[t];
      const at::Tensor cut = all.masked_output(mask, all.compensated(mask, lambda));
      EXPECT_NEAR(squared_difference(cut, reference) / variance, predicted, 1e-6 * predicted) << "after " << t + 1;
    }
    EXPECT_GT(predicted, 0.01);
  }
}

TEST(joint_sites, a_weight_that_is_not_finite_is_named) {
  script_network maker(13);
  maker.conv("stem", {.in = 3, .out = 8});
  maker.conv("head", {.in = 8, .out = 4});
  const torch::jit::Module module = maker.build("  return self.head.forward(torch.relu(self.stem.forward(x)))\n");
  const joint_network all(module, maker.normal({1, 3, 8, 8}));
  const c10::InferenceMode inference;
  module.attr("head").toModule().attr("weight").toTensor()[1][2] = std::nan("");
  const std::string what = error_text<invalid_argument>([&] { all.sites(); });
  SIRFP_EXPECT_HAS(what, "head.weight: consumer weight element 10 is not finite");
}

TEST(joint_sites, moments_of_another_width_are_named) {
  script_network maker(14);
  maker.conv("stem", {.in = 3, .out = 8});
  maker.conv("head", {.in = 8, .out = 4});
  joint_network all(maker.build("  return self.head.forward(torch.relu(self.stem.forward(x)))\n"), maker.normal({1, 3, 8, 8}));
  all.moments.at("head") = state_of(maker.normal({20, 7}));
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { all.sites(); }), "moments of site head have 7 channels, expected 8");
}

}  // namespace
}  // namespace sirfp::test
