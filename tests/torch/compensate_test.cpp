// Compensation: channels that the others predict are removed without a trace; what cannot be compensated is said.
#include <gtest/gtest.h>

#include "../support/error_text.hpp"
#include "../support/masked_and_slim.hpp"
#include "../support/redundant_network.hpp"
#include "../support/script_network.hpp"
#include "../support/site_moments.hpp"
#include "../support/temporary_folder.hpp"
#include "sirfp/cuda_context.hpp"

namespace sirfp::test {
namespace {

struct outcome {
  double with = 0;     // relative error of the slim network's output
  double without = 0;  // the same without compensation
  adapter::compensated_weights weights;
};

outcome remove_from(const torch::jit::Module& module, const std::string& producer, const std::vector<std::size_t>& removed,
                    compensation how) {
  const adapter::network net = adapter::load_network(module);
  const at::Tensor input = script_network(9).normal({2, 3, 10, 10});
  const adapter::captured_network captured = adapter::capture(net, input);
  const channel_graph graph = analyse_channels(captured.ops);
  const channel_mask mask = mask_without(graph, producer, removed);
  const plan p = plan_of(captured.ops, graph, captured.fingerprint, mask);
  const auto sites = measured(net, captured, graph, input);
  outcome result;
  // The moments are the host's, wherever it is computed.
  const context device = cuda_context(0, nullptr, make_thread_pool(1));
  result.weights = adapter::compensate(reference_context(), net, captured, graph, mask, sites, how, 1e-13);
  const adapter::compensated_weights on_device = adapter::compensate(device, net, captured, graph, mask, sites, how, 1e-13);
  const auto error = [&](const adapter::compensated_weights& weights) {
    const c10::InferenceMode inference;
    const at::Tensor reference = net.module.get_method("forward")({input}).toTensor();
    const at::Tensor slim = adapter::slim_network(net, captured, graph, p, weights).module.forward({input}).toTensor();
    const at::Tensor masked = adapter::masked_network(net, captured, graph, p, weights).module.forward({input}).toTensor();
    EXPECT_LE(adapter::relative_difference(masked, slim, reference), 1e-9);
    return adapter::relative_difference(slim, reference, reference);
  };
  result.with = std::max(error(result.weights), error(on_device));
  result.without = error({});
  return result;
}

void expect_no_trace(const outcome& result) {
  EXPECT_LE(result.with, 1e-6);
  EXPECT_GE(result.without, 1e-2);
  EXPECT_TRUE(result.weights.notes.empty());
}

TEST(compensate, existing_bias_takes_the_offset) {
  script_network net(1);
  redundant_producer(net, "a");
  net.conv("head", {.in = 8, .out = 3, .kernel = 3});
  const outcome result =
      remove_from(net.build("  return self.head.forward(self.a.forward(x))\n"), "a", redundant, compensation::least_squares);
  expect_no_trace(result);
  EXPECT_TRUE(result.weights.added_biases.empty());
  EXPECT_TRUE(result.weights.tensors.contains("head.bias"));
}

TEST(compensate, convolution_without_bias_is_given_one) {
  script_network net(2);
  redundant_producer(net, "a");
  net.conv("head", {.in = 8, .out = 3, .kernel = 3, .bias = false});
  const outcome result =
      remove_from(net.build("  return self.head.forward(self.a.forward(x))\n"), "a", redundant, compensation::least_squares);
  expect_no_trace(result);
  EXPECT_EQ(result.weights.added_biases, (std::map<std::string, std::string>{{"head.weight", "head.bias"}}));
}

TEST(compensate, batch_norm_that_alone_reads_the_output_takes_the_offset) {
  script_network net(3);
  redundant_producer(net, "a");
  net.conv("b", {.in = 8, .out = 6, .kernel = 3, .bias = false});
  net.batch_norm("norm", 6);
  net.conv("head", {.in = 6, .out = 3});
  const outcome result =
      remove_from(net.build("  return self.head.forward(torch.relu(self.norm.forward(self.b.forward(self.a.forward(x)))))\n"), "a",
                  redundant, compensation::least_squares);
  expect_no_trace(result);
  EXPECT_TRUE(result.weights.added_biases.empty());
  EXPECT_TRUE(result.weights.tensors.contains("norm.running_mean"));
}

TEST(compensate, batch_norm_shared_by_two_outputs_does_not) {
  script_network net(4);
  redundant_producer(net, "a");
  net.conv("b", {.in = 8, .out = 6, .kernel = 3, .bias = false});
  net.conv("c", {.in = 8, .out = 6, .kernel = 3, .bias = false});
  net.batch_norm("norm", 6);
  net.conv("head", {.in = 12, .out = 3});
  const outcome result =
      remove_from(net.build("  y = self.a.forward(x)\n  p = self.norm.forward(self.b.forward(y))\n"
                            "  q = self.norm.forward(self.c.forward(y))\n  return self.head.forward(torch.cat([p, q], 1))\n"),
                  "a", redundant, compensation::least_squares);
  expect_no_trace(result);
  EXPECT_EQ(result.weights.added_biases.size(), 2u);
}

TEST(compensate, transposed_convolution) {
  for (const bool bias : {true, false}) {
    script_network net(5);
    redundant_producer(net, "a", false);
    net.conv("head", {.in = 8, .out = 3, .kernel = 2, .stride = 2, .bias = bias, .transposed = true});
    expect_no_trace(remove_from(net.build("  return self.head.forward(self.a.forward(x))\n"), "a", redundant, compensation::least_squares));
  }
}

// Every output pixel of a transposed convolution sees some of the taps only: the offset is right on average over stride x stride pixels.
TEST(compensate, transposed_convolution_takes_its_share_of_the_offset) {
  for (const std::int64_t kernel : {2, 4}) {
    script_network net(15);
    redundant_producer(net, "a");
    net.conv("head", {.in = 8, .out = 3, .kernel = kernel, .stride = 2, .bias = false, .transposed = true});
    const std::string average = "torch.avg_pool2d(self.head.forward(self.a.forward(x))[:, :, 2:-2, 2:-2], [2, 2])";
    expect_no_trace(remove_from(net.build("  return " + average + "\n"), "a", redundant, compensation::least_squares));
  }
}

TEST(compensate, linear_layer_over_tokens) {
  for (const bool bias : {true, false}) {
    script_network net(6);
    redundant_producer(net, "a");
    net.linear("head", 8, 3, bias);
    expect_no_trace(remove_from(net.build("  return self.head.forward(torch.permute(self.a.forward(x), [0, 2, 3, 1]))\n"), "a", redundant,
                                compensation::least_squares));
  }
}

TEST(compensate, grouped_convolutions) {
  for (const bool transposed : {false, true}) {
    script_network net(7);
    block_redundant_producer(net);
    net.conv("b", {.in = 8, .out = 6, .kernel = 3, .groups = 2, .bias = false, .transposed = transposed});
    net.conv("head", {.in = 6, .out = 3});
    const std::string inside = transposed ? "[:, :, 2:-2, 2:-2]" : "";  // at its border a transposed convolution sees some of the taps only
    expect_no_trace(remove_from(net.build("  return self.head.forward(torch.relu(self.b.forward(self.a.forward(x))))" + inside + "\n"), "a",
                                {3, 7}, compensation::least_squares));
  }
}

TEST(compensate, constant_channel_is_absorbed) {
  script_network net(8);
  at::Tensor weight = net.normal({8, 3, 3, 3});
  weight[2].zero_();
  net.layer("a", {{"weight", weight}, {"bias", net.normal({8})}}, "torch.conv2d(x, self.weight, self.bias)");
  net.conv("head", {.in = 8, .out = 3, .kernel = 3, .bias = false});
  expect_no_trace(remove_from(net.build("  return self.head.forward(self.a.forward(x))\n"), "a", {2}, compensation::constant));
}

TEST(compensate, weight_read_at_two_sites_is_compensated_for_both) {
  script_network net(10);
  redundant_producer(net, "a");
  net.conv("b", {.in = 8, .out = 4, .kernel = 1, .bias = false});
  net.conv("head", {.in = 8, .out = 3});
  // Scaling keeps the linear part of the prediction; the offsets differ, so only the pooled fit is left, not an exact one.
  const outcome result = remove_from(
      net.build("  y = self.a.forward(x)\n  return self.head.forward(torch.cat([self.b.forward(y), self.b.forward(torch.tanh(y))], 1))\n"),
      "a", redundant, compensation::least_squares);
  EXPECT_TRUE(result.weights.notes.empty());
  EXPECT_EQ(result.weights.added_biases.size(), 1u);
  EXPECT_LT(result.with, 0.7 * result.without);
}

TEST(compensate, bias_shared_with_another_operator_is_left_and_said) {
  script_network net(11);
  redundant_producer(net, "a");
  net.top_tensor("v", net.normal({4, 8, 1, 1}));
  net.top_tensor("w", net.normal({4, 8, 1, 1}));
  net.top_tensor("b", net.normal({4}));
  net.conv("head", {.in = 4, .out = 3});
  const outcome result = remove_from(
      net.build("  y = self.a.forward(x)\n  return self.head.forward(torch.conv2d(y, self.v, self.b) * torch.conv2d(y, self.w, self.b))\n"),
      "a", redundant, compensation::least_squares);
  EXPECT_EQ(result.weights.notes.size(), 2u);
  EXPECT_NE(result.weights.notes.at(0).find("v is not compensated"), std::string::npos) << result.weights.notes.at(0);
}

TEST(compensate, bias_names_of_weights_side_by_side_differ) {
  script_network net(12);
  redundant_producer(net, "a");
  net.top_tensor("v", net.normal({4, 8, 1, 1}));
  net.top_tensor("w", net.normal({4, 8, 1, 1}));
  net.conv("head", {.in = 4, .out = 3});
  const outcome result =
      remove_from(net.build("  y = self.a.forward(x)\n  return self.head.forward(torch.conv2d(y, self.v) * torch.conv2d(y, self.w))\n"),
                  "a", redundant, compensation::least_squares);
  expect_no_trace(result);
  EXPECT_EQ(result.weights.added_biases, (std::map<std::string, std::string>{{"v", "v_bias"}, {"w", "w_bias"}}));
}

TEST(compensate, missing_moments_are_named) {
  script_network net(13);
  redundant_producer(net, "a");
  net.conv("head", {.in = 8, .out = 3});
  const adapter::network loaded = adapter::load_network(net.build("  return self.head.forward(self.a.forward(x))\n"));
  const adapter::captured_network captured = adapter::capture(loaded, net.normal({1, 3, 8, 8}));
  const channel_graph graph = analyse_channels(captured.ops);
  const channel_mask mask = mask_without(graph, "a", redundant);
  const std::string message = error_text<invalid_argument>(
      [&] { adapter::compensate(reference_context(), loaded, captured, graph, mask, {}, compensation::least_squares); });
  SIRFP_EXPECT_HAS(message, "no moments of site");
  SIRFP_EXPECT_HAS(message, "head");
}

TEST(weights_file, round_trip_and_refusals) {
  const temporary_folder folder;
  adapter::compensated_weights weights;
  weights.tensors["head.weight"] = at::arange(12, at::kFloat).view({3, 4});
  weights.tensors["head.bias"] = at::tensor({1.0, -2.5, 1e-300}, at::kDouble);
  weights.added_biases["head.weight"] = "head.bias";
  weights.notes = {"b.weight is not compensated"};
  const auto path = folder / "plan.safetensors";
  const std::string hash = adapter::save_weights(weights, path);
  const adapter::compensated_weights loaded = adapter::load_weights(path, hash);
  EXPECT_EQ(loaded.added_biases, weights.added_biases);
  EXPECT_EQ(loaded.notes, weights.notes);
  ASSERT_EQ(loaded.tensors.size(), 2u);
  for (const auto& [name, tensor] : weights.tensors) {
    EXPECT_EQ(loaded.tensors.at(name).scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(at::equal(loaded.tensors.at(name), tensor)) << name;
  }
  const std::string message = error_text<invalid_argument>([&] { adapter::load_weights(path, "0123456789abcdef"); });
  SIRFP_EXPECT_HAS(message, hash);
  SIRFP_EXPECT_HAS(message, "0123456789abcdef");
  weights.tensors["head.weight"][0][0] = 7;
  EXPECT_NE(adapter::save_weights(weights, path), hash);
}

}  // namespace
}  // namespace sirfp::test
