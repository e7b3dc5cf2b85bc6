// Sensitivity curves: partial passes measure what whole passes of the cut network would.
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include "../support/allocation_checks.hpp"
#include "../support/aten_threads.hpp"
#include "../support/error_text.hpp"
#include "../support/joint_network.hpp"
#include "../support/script_network.hpp"
#include "sirfp/curve_allocation.hpp"

namespace sirfp::test {
namespace {

std::vector<sensitivity_curve> measure(const joint_network& all, const std::vector<removal_curve>& curves,
                                       const adapter::sensitivity_options& options, std::int64_t batch = 1) {
  return adapter::measure_sensitivity(reference_context(), all.net, all.captured, all.graph, curves, all.moments, all.images.split(batch),
                                      options);
}
std::vector<removal_curve> joint_curves(const joint_network& all) { return rank_joint(reference_context(), all.graph, all.sites()); }

// The same by whole passes over a network file that a user could run.
double by_whole_passes(const joint_network& all, const removal_curve& curve, std::int64_t removed, double lambda) {
  channel_mask mask = full_mask(all.graph);
  for (std::int64_t t = 0; t < removed; ++t)
    mask[static_cast<std::size_t>(curve.group)][static_cast<std::size_t>(curve.order[static_cast<std::size_t>(t)])] = 0;
  return relative_error(all.masked_output(mask, all.compensated(mask, lambda)), all.output());
}

torch::jit::Module mixed_network(script_network& net) {
  net.conv("stem", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  net.batch_norm("norm", 8);
  net.conv("grouped", {.in = 8, .out = 8, .kernel = 3, .padding = 1, .groups = 2, .bias = false});
  net.conv("up", {.in = 8, .out = 5, .kernel = 2, .stride = 2, .transposed = true});
  net.conv("depthwise", {.in = 5, .out = 5, .kernel = 3, .stride = 2, .padding = 1, .groups = 5});
  net.conv("head", {.in = 13, .out = 3, .bias = false});
  return net.build(
      "  y = torch.relu_(self.norm.forward(self.stem.forward(x)))\n"
      "  z = torch.relu(self.grouped.forward(y))\n"
      "  u = torch.tanh(self.depthwise.forward(torch.selu_(self.up.forward(z))))\n"
      "  return self.head.forward(torch.cat([y, u], 1))\n");
}

TEST(measure_sensitivity, equals_whole_passes_of_the_masked_network) {
  torch::jit::setGraphExecutorOptimize(false);
  for (const std::uint64_t seed : {1, 2, 3}) {
    script_network maker(seed);
    const joint_network all(mixed_network(maker), maker.normal({4, 3, 8, 8}));
    const std::vector<removal_curve> curves = joint_curves(all);
    ASSERT_EQ(curves.size(), 3u);
    const adapter::sensitivity_options options{.points = {0.75, 0.5, 0.25}, .lambda = 1e-4};
    const auto found = measure(all, curves, options, 3), again = measure(all, curves, options, 1);
    ASSERT_EQ(found.size(), curves.size());
    for (std::size_t g = 0; g < found.size(); ++g) {
      const auto curve = std::ranges::find(curves, found[g].group, &removal_curve::group);
      ASSERT_NE(curve, curves.end());
      ASSERT_FALSE(found[g].points.empty());
      for (std::size_t k = 0; k < found[g].points.size(); ++k) {
        const sensitivity_point& point = found[g].points[k];
        SCOPED_TRACE(text("seed ", seed, ", group ", found[g].group, ", removed ", point.removed));
        const double expected = by_whole_passes(all, *curve, point.removed, options.lambda);
        EXPECT_NEAR(point.error, expected, 1e-9 * expected);
        EXPECT_NEAR(again[g].points[k].error, expected, 1e-9 * expected) << "image by image";
      }
      EXPECT_GT(found[g].points.back().error, 1e-6) << "seed " << seed << ", group " << found[g].group;
    }
  }
}

void expect_whole_passes_agree(const joint_network& all) {
  const aten_threads three(3);  // the passes of a group at once
  const auto curves = joint_curves(all);
  ASSERT_FALSE(curves.empty());
  const auto found = measure(all, curves, {}, all.images.size(0));
  for (const sensitivity_curve& of_group : found) {
    const auto curve = std::ranges::find(curves, of_group.group, &removal_curve::group);
    for (const sensitivity_point& point : of_group.points) {
      const double expected = by_whole_passes(all, *curve, point.removed, 1e-3);
      EXPECT_NEAR(point.error, expected, 1e-9 * expected) << "group " << of_group.group << ", removed " << point.removed;
    }
  }
}

// A tensor that lives when the group is cut and is written over behind it: the next pass must not see that.
TEST(measure_sensitivity, passes_do_not_write_over_each_other) {
  script_network maker(11);
  maker.conv("stem", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  maker.conv("left", {.in = 8, .out = 2});
  maker.conv("right", {.in = 8, .out = 2});
  expect_whole_passes_agree({maker.build("  y = self.stem.forward(x)\n  a = self.left.forward(y)\n  z = torch.selu_(y)\n"
                                         "  return torch.cat([a, self.right.forward(z)], 1)\n"),
                             maker.normal({2, 3, 8, 8})});
}

// Every pass has a list of its own, and sees in it what is written to its elements.
TEST(measure_sensitivity, passes_do_not_append_to_each_others_lists) {
  script_network maker(12);
  maker.conv("stem", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  for (const char* name : {"left", "right"}) maker.conv(name, {.in = 8, .out = 4});
  maker.conv("head", {.in = 8, .out = 3});
  expect_whole_passes_agree({maker.build("  y = self.stem.forward(x)\n"
                                         "  found : List[Tensor] = []\n"
                                         "  found.append(self.left.forward(y))\n"
                                         "  torch.selu_(found[0])\n"
                                         "  found.append(self.right.forward(y))\n"
                                         "  return self.head.forward(torch.cat(found, 1))\n"),
                             maker.normal({2, 3, 8, 8})});
}

// The channels written through a view are locked; those behind them are not.
TEST(measure_sensitivity, what_is_written_through_a_view_is_seen) {
  script_network maker(12);
  maker.conv("stem", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  maker.conv("middle", {.in = 8, .out = 8});
  maker.conv("head", {.in = 8, .out = 2});
  expect_whole_passes_agree({maker.build("  y = self.stem.forward(x)\n  z = torch.selu_(y[:, :, 1:5])\n"
                                         "  return self.head.forward(torch.relu(self.middle.forward(y)))\n"),
                             maker.normal({2, 3, 8, 8})});
}

std::vector<std::int64_t> removals(const sensitivity_curve& curve) {
  std::vector<std::int64_t> found;
  for (const sensitivity_point& point : curve.points) found.push_back(point.removed);
  return found;
}

TEST(measure_sensitivity, points_are_rounded_distinct_and_leave_a_channel_in_every_block) {
  script_network maker(4);
  maker.conv("stem", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  maker.conv("grouped", {.in = 8, .out = 3, .kernel = 1, .bias = false});
  maker.conv("split", {.in = 3, .out = 12});
  maker.conv("by_four", {.in = 12, .out = 4, .groups = 4});
  const joint_network all(maker.build("  y = torch.tanh(self.grouped.forward(torch.tanh(self.stem.forward(x))))\n"
                                      "  return self.by_four.forward(torch.tanh(self.split.forward(y)))\n"),
                          maker.normal({1, 3, 6, 6}));
  const auto points = [&](std::vector<double> shares) {
    std::map<std::string, std::vector<std::int64_t>> found;
    for (const sensitivity_curve& curve : measure(all, joint_curves(all), {.points = std::move(shares)}))
      found[all.graph.groups[static_cast<std::size_t>(curve.group)].name] = removals(curve);
    return found;
  };
  using expected = std::map<std::string, std::vector<std::int64_t>>;
  EXPECT_EQ(points({0.5, 0.25, 0.1}), (expected{{"stem", {4, 6, 7}}, {"grouped", {1, 2}}, {"split", {4, 8}}}));
  EXPECT_EQ(points({0.1, 0.11, 0.9, 1}), (expected{{"stem", {1, 7}}, {"grouped", {2}}, {"split", {8}}}));
}

// METHOD 6: what only redraws the output at the network's end is not judged.
TEST(measure_sensitivity, the_output_is_judged_before_it_is_redrawn) {
  const auto errors = [](const std::string& ending) {
    script_network maker(5);
    maker.conv("stem", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
    maker.conv("head", {.in = 8, .out = 4});
    const joint_network all(maker.build("  y = self.head.forward(torch.relu(self.stem.forward(x)))\n  return " + ending + "\n"),
                            script_network(6).normal({2, 3, 8, 8}));
    std::vector<double> found;
    for (const sensitivity_point& point : measure(all, joint_curves(all), {}).at(0).points) found.push_back(point.error);
    return found;
  };
  const std::vector<double> plain = errors("y");
  ASSERT_EQ(plain.size(), 3u);
  EXPECT_LT(plain[0], plain[2]);
  EXPECT_EQ(errors("torch.upsample_bilinear2d(y, [16, 16], False)"), plain);
  EXPECT_EQ(errors("torch.softmax(torch.upsample_nearest2d(y, [16, 16]), 1)"), plain);
  EXPECT_EQ(errors("torch.argmax(torch.upsample_bilinear2d(y, [16, 16], True), 1)"), plain);
  EXPECT_NE(errors("torch.relu(y)"), plain);
}

TEST(measure_sensitivity, the_chosen_output_may_be_a_part_of_a_split) {
  script_network maker(7);
  maker.conv("stem", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  maker.conv("head", {.in = 8, .out = 4});
  joint_network all(maker.build("  a, b = torch.chunk(self.head.forward(torch.relu(self.stem.forward(x))), 2, 1)\n  return b\n"),
                    maker.normal({2, 3, 8, 8}));
  const auto curves = joint_curves(all);
  const auto found = measure(all, curves, {});
  ASSERT_EQ(found.size(), 1u);
  for (const sensitivity_point& point : found[0].points) {
    const double expected = by_whole_passes(all, curves[0], point.removed, 1e-3);
    EXPECT_NEAR(point.error, expected, 1e-9 * expected);
  }
}

TEST(measure_sensitivity, progress_counts_every_pass_and_may_stop_it) {
  script_network maker(8);
  const joint_network all(mixed_network(maker), maker.normal({3, 3, 8, 8}));
  std::vector<std::int64_t> done;
  std::int64_t total = 0;
  adapter::sensitivity_options options;
  options.progress = [&](std::int64_t d, std::int64_t t) {
    done.push_back(d);
    total = t;
  };
  std::size_t points = 0;
  for (const sensitivity_curve& curve : measure(all, joint_curves(all), options)) points += curve.points.size();
  EXPECT_EQ(total, static_cast<std::int64_t>(points * 3));
  ASSERT_EQ(done.size(), points * 3);
  for (std::size_t i = 0; i < done.size(); ++i) EXPECT_EQ(done[i], static_cast<std::int64_t>(i) + 1);
  options.progress = [](std::int64_t d, std::int64_t) {
    if (d == 4) throw std::runtime_error("stopped by the user");
  };
  SIRFP_EXPECT_HAS(error_text<std::runtime_error>([&] { measure(all, joint_curves(all), options); }), "stopped by the user");
}

TEST(measure_sensitivity, no_images_are_refused) {
  script_network maker(9);
  const joint_network all(mixed_network(maker), maker.normal({1, 3, 8, 8}));
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] {
                     adapter::measure_sensitivity(reference_context(), all.net, all.captured, all.graph, joint_curves(all), all.moments, {},
                                                  {});
                   }),
                   "sensitivity: no images");
}

// Two branches of equal shape, each judged by itself equally dear; but the output is all but made of the first.
TEST(measure_sensitivity, widths_by_measured_errors_protect_a_fragile_group) {
  script_network maker(10);
  for (const std::string branch : {"fragile", "idle"}) {
    maker.conv(branch, {.in = 3, .out = 16, .kernel = 3, .padding = 1});
    maker.conv(branch + "_head", {.in = 16, .out = 4});
  }
  const joint_network all(maker.build("  a = self.fragile_head.forward(torch.relu(self.fragile.forward(x)))\n"
                                      "  b = self.idle_head.forward(torch.relu(self.idle.forward(x)))\n"
                                      "  return a * 10.0 + b * 0.1\n"),
                          maker.normal({4, 3, 10, 10}));
  const auto fragile = static_cast<std::size_t>(all.group_of("fragile")), idle = static_cast<std::size_t>(all.group_of("idle"));
  const std::vector<removal_curve> curves = joint_curves(all);
  const cost_model model(all.captured.ops, all.graph);
  allocation_options options;
  options.fraction = 0.6;
  const auto chosen = [&](const std::vector<std::vector<double>>& errors) {
    return allocate_by_curves(model, all.graph, curves, errors, options);
  };
  const allocation predicted = chosen(calibrate_curves(curves, {}));
  const allocation calibrated = chosen(calibrate_curves(curves, measure(all, curves, {}, 2)));
  const auto error = [&](const allocation& a) {
    return relative_error(all.masked_output(a.mask, all.compensated(a.mask, 1e-3)), all.output());
  };
  EXPECT_LT(width_of(predicted, fragile), 14);
  EXPECT_EQ(width_of(calibrated, fragile), 16);
  EXPECT_LT(width_of(calibrated, idle), 5);
  EXPECT_LT(error(calibrated), 0.01 * error(predicted)) << error(predicted);
  EXPECT_LE(calibrated.after.flops, 0.6 * calibrated.before.flops);
}

}  // namespace
}  // namespace sirfp::test
