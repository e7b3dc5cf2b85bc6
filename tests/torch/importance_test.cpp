// The criteria that look at weights alone, on weights written down by hand.
#include "sirfp/adapter/importance.hpp"

#include <gtest/gtest.h>

#include "../support/joint_network.hpp"
#include "../support/script_network.hpp"

namespace sirfp::test {
namespace {

using adapter::weight_criterion;
using doubles = std::vector<double>;

doubles scores_of(const joint_network& all, const std::string& producer, weight_criterion how) {
  return adapter::weight_scores(all.net, all.captured, all.graph, how).at(static_cast<std::size_t>(all.group_of(producer)));
}

void set(const torch::jit::Module& module, const std::string& layer, const std::string& name, const at::Tensor& value) {
  at::NoGradGuard no_grad;
  at::Tensor target = module.attr(layer).toModule().attr(name).toTensor();
  target.copy_(value.view(target.sizes()));
}

// A layer of three filters over two channels, a BatchNorm behind it, and a head that reads them.
torch::jit::Module network_of(const conv_shape& shape, const at::Tensor& weight) {
  script_network maker(1);
  maker.conv("front", {.in = 2, .out = shape.in});
  maker.conv("layer", shape);
  maker.batch_norm("norm", shape.out);
  maker.conv("head", {.in = shape.out, .out = 2});
  const torch::jit::Module module = maker.build(
      "  z = torch.relu(self.norm.forward(self.layer.forward(torch.relu(self.front.forward(x)))))\n  return self.head.forward(z)\n");
  set(module, "layer", "weight", weight);
  return module;
}

joint_network analysed(const torch::jit::Module& module) { return {module, at::ones({1, 2, 6, 6}, at::kDouble)}; }

const at::Tensor filters = at::tensor({3.0, 4.0, 0.0, 0.0, 0.0, -1.0}, at::kDouble);  // |w| sums 7, 0, 1; mean 8/3

void expect_near(const doubles& found, const doubles& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12) << i;
}

TEST(importance, l1_is_the_sum_of_a_filter) {
  expect_near(scores_of(analysed(network_of({.in = 2, .out = 3}, filters)), "layer", weight_criterion::l1), {21. / 8, 0, 3. / 8});
}

TEST(importance, batch_norm_is_the_size_of_its_factor) {
  const torch::jit::Module module = network_of({.in = 2, .out = 3}, filters);
  set(module, "norm", "weight", at::tensor({-1.0, 2.0, 3.0}, at::kDouble));
  expect_near(scores_of(analysed(module), "layer", weight_criterion::batch_norm), {0.5, 1, 1.5});
}

TEST(importance, fpgm_is_the_distance_to_the_other_filters) {
  const double far = std::sqrt(9. + 25.), sums[] = {5 + far, 5 + 1, far + 1}, mean = (sums[0] + sums[1] + sums[2]) / 3;
  expect_near(scores_of(analysed(network_of({.in = 2, .out = 3}, filters)), "layer", weight_criterion::fpgm),
              {sums[0] / mean, sums[1] / mean, sums[2] / mean});
}

// [in, out]: the filters are the columns.
TEST(importance, a_transposed_convolution_has_its_outputs_second) {
  const at::Tensor columns = filters.view({3, 2}).t().contiguous();
  expect_near(scores_of(analysed(network_of({.in = 2, .out = 3, .transposed = true}, columns)), "layer", weight_criterion::l1),
              {21. / 8, 0, 3. / 8});
}

// Two blocks of two inputs and two outputs: [in, out / blocks].
TEST(importance, a_grouped_transposed_convolution_counts_its_outputs_block_by_block) {
  const at::Tensor weight = at::tensor({1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0}, at::kDouble);  // 4 inputs x 2
  expect_near(scores_of(analysed(network_of({.in = 4, .out = 4, .groups = 2, .transposed = true}, weight)), "layer", weight_criterion::l1),
              {0.4, 0.8, 1.2, 1.6});
}

TEST(importance, layers_of_one_group_add_up) {
  script_network maker(2);
  for (const char* name : {"left", "right"}) maker.conv(name, {.in = 2, .out = 3});
  maker.conv("head", {.in = 3, .out = 2});
  const torch::jit::Module module = maker.build("  return self.head.forward(torch.relu(self.left.forward(x) + self.right.forward(x)))\n");
  set(module, "left", "weight", filters);
  set(module, "right", "weight", at::tensor({0.0, 0.0, 60.0, 0.0, 0.0, 0.0}, at::kDouble));  // its own mean is 20: 0, 3, 0
  expect_near(scores_of(analysed(module), "left", weight_criterion::l1), {21. / 8, 3, 3. / 8});
}

// Its weight is [in, out] too.
TEST(importance, a_matrix_product_has_its_outputs_second) {
  script_network maker(3);
  maker.layer("layer", {{"weight", filters.view({3, 2}).t().contiguous()}}, "torch.matmul(x, self.weight)");
  maker.linear("head", 3, 2);
  const torch::jit::Module module = maker.build("  return self.head.forward(torch.relu(self.layer.forward(x)))\n");
  const joint_network all(module, at::ones({1, 4, 4, 2}, at::kDouble));
  expect_near(scores_of(all, "layer", weight_criterion::l1), {21. / 8, 0, 3. / 8});
}

TEST(importance, locked_groups_score_nothing) {
  const joint_network all = analysed(network_of({.in = 2, .out = 3}, filters));
  expect_near(scores_of(all, "head", weight_criterion::l1), {0, 0});
}

}  // namespace
}  // namespace sirfp::test
