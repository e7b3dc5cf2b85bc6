#include "sirfp/curve_allocation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "sirfp/expects.hpp"
#include "support/allocation_checks.hpp"
#include "support/error_text.hpp"
#include "support/random_op_list.hpp"

namespace sirfp {
namespace {

using test::allowed_widths;
using test::budget_of;
using test::error_text;
using test::expect_valid;
using test::width_of;

// A network, an order in which each group loses its channels and what that costs.
struct problem {
  op_list network;
  channel_graph graph;
  cost_model model;
  std::vector<removal_curve> curves;
  std::vector<std::vector<double>> errors;

  explicit problem(op_list ops) : network(std::move(ops)), graph(analyse_channels(network)), model(network, graph) {}
  // Every group in random order; errors rise by what `rise` draws.
  template <class Rise>
  void draw_curves(unsigned seed, Rise&& rise) {
    std::mt19937 random(seed);
    for (std::int32_t g = 0; g < static_cast<std::int32_t>(graph.groups.size()); ++g) {
      const channel_group& group = graph.groups[static_cast<std::size_t>(g)];
      if (group.locked) continue;
      std::vector<std::vector<std::int32_t>> blocks(static_cast<std::size_t>(group.blocks));
      for (std::int32_t c = 0; c < group.channels; ++c)
        blocks[group.blocks == 1 ? 0 : static_cast<std::size_t>(group.block[static_cast<std::size_t>(c)])].push_back(c);
      for (auto& block : blocks) std::ranges::shuffle(block, random);
      removal_curve curve{g, group.blocks, {}, std::vector<double>(static_cast<std::size_t>(group.channels), 0.0)};
      for (std::size_t turn = 0; turn < blocks[0].size(); ++turn)
        for (const auto& block : blocks) curve.order.push_back(block[turn]);
      errors.push_back({0});
      for (std::int64_t t = 0; t < group.channels; ++t) errors.back().push_back(errors.back().back() + rise(random, t));
      curves.push_back(std::move(curve));
    }
  }
  allocation run(const allocation_options& options) const { return allocate_by_curves(model, graph, curves, errors, options); }
};

problem random_curves(unsigned seed) {
  problem p(test::random_op_list(seed));
  std::exponential_distribution<double> spread(1);
  p.draw_curves(seed, [&](std::mt19937& random, std::int64_t) { return random() % 4 == 0 ? 0 : std::pow(spread(random), 3); });
  return p;
}

// In every block the first of the curve's order are gone.
void expect_first_of_order_gone(const problem& p, const allocation& a) {
  for (const removal_curve& curve : p.curves) {
    const auto g = static_cast<std::size_t>(curve.group);
    const auto gone = static_cast<std::size_t>(p.graph.groups[g].channels - width_of(a, g));
    for (std::size_t t = 0; t < curve.order.size(); ++t)
      ASSERT_EQ(a.mask[g][static_cast<std::size_t>(curve.order[t])], t < gone ? 0 : 1) << p.graph.groups[g].name << ", place " << t;
  }
}

// Each group's mask with one step (of its multiple, at least C/64 channels) given back; empty where it has all.
std::vector<channel_mask> one_step_back(const problem& p, const allocation& a, const allocation_options& options) {
  std::vector<channel_mask> wider;
  for (const removal_curve& curve : p.curves) {
    const auto g = static_cast<std::size_t>(curve.group);
    const std::int64_t channels = p.graph.groups[g].channels, width = width_of(a, g);
    const auto widths = allowed_widths(p.graph.groups[g], options);
    if (width == channels) continue;
    const auto at_least =
        std::lower_bound(widths.begin(), widths.end(), std::min(channels, width + std::max<std::int64_t>(1, channels / 64)));
    wider.push_back(a.mask);
    for (std::int64_t t = channels - *at_least; t < channels - width; ++t)
      wider.back()[g][static_cast<std::size_t>(curve.order[static_cast<std::size_t>(t)])] = 1;
  }
  return wider;
}

allocation_options at(double fraction, budget_kind kind = budget_kind::flops, int round_to = 8) {
  allocation_options options;
  options.fraction = fraction;
  options.budget = kind;
  options.round_to = round_to;
  return options;
}

// By the error's own word, which must be the cost of every group at its floor.
double smallest_reachable(const problem& p, allocation_options options) {
  options.fraction = 1e-9;
  const std::string what = error_text<invalid_argument>([&] { p.run(options); });
  channel_mask floors = full_mask(p.graph);
  for (const removal_curve& curve : p.curves) {
    const auto g = static_cast<std::size_t>(curve.group);
    const std::int64_t gone = p.graph.groups[g].channels - allowed_widths(p.graph.groups[g], options).front();
    for (std::int64_t t = 0; t < gone; ++t) floors[g][static_cast<std::size_t>(curve.order[static_cast<std::size_t>(t)])] = 0;
  }
  const double least =
      budget_of(p.model.evaluate(floors), options.budget) / budget_of(p.model.evaluate(full_mask(p.graph)), options.budget);
  SIRFP_EXPECT_HAS(what, text("smallest reachable is ", std::ceil(least * 1e4) / 1e4, " ("));
  SIRFP_EXPECT_HAS(what, "every other one is at its floor");
  return std::ceil(least * 1e4) / 1e4;
}

class curves_on_random_networks : public testing::TestWithParam<unsigned> {};

TEST_P(curves_on_random_networks, meet_the_target_and_no_more) {
  const problem p = random_curves(GetParam());
  for (const budget_kind kind : {budget_kind::flops, budget_kind::parameters})
    for (const int round_to : {8, 1}) {
      const double least = smallest_reachable(p, at(1, kind, round_to));
      for (double fraction = 1; fraction >= least; fraction *= 0.8) {
        SCOPED_TRACE(text("fraction ", fraction, " round_to ", round_to));
        const allocation_options options = at(fraction, kind, round_to);
        const allocation a = p.run(options);
        expect_valid(p.model, p.graph, a, options);
        expect_first_of_order_gone(p, a);
        const auto wider = one_step_back(p, a, options);
        const bool needed = std::any_of(wider.begin(), wider.end(), [&](const channel_mask& mask) {
          return budget_of(p.model.evaluate(mask), kind) > fraction * budget_of(a.before, kind);
        });
        EXPECT_TRUE(needed || wider.empty()) << "any group could have kept a step more";
        if (HasFailure()) return;
      }
      const allocation_options options = at(least, kind, round_to);  // the figure of the error is a target that works
      expect_valid(p.model, p.graph, p.run(options), options);
    }
}

INSTANTIATE_TEST_SUITE_P(seeds, curves_on_random_networks, testing::Range(0U, 40U));

// A chain of 1 x 1 convolutions of the given widths.
problem chain(const std::vector<std::int64_t>& widths) {
  test::network_builder net;
  std::int32_t x = net.input({1, 3, 4, 4});
  int place = 0;
  for (const std::int64_t width : widths) {
    const std::string name = text("layer", place++);
    x = net.relu(name + ".relu", net.conv(name, x, width, {.kernel = 1}));
  }
  net.output(net.conv("head", x, 5, {.kernel = 1}));
  return problem(net.build());
}
std::int64_t width_in(const problem& p, const allocation& a, const std::string& name) {
  for (std::size_t g = 0; g < p.graph.groups.size(); ++g)
    if (p.graph.groups[g].name == name) return width_of(a, g);
  ADD_FAILURE() << "no group " << name;
  return 0;
}
problem steady_chain(const std::vector<std::int64_t>& widths) {
  problem p = chain(widths);
  p.draw_curves(1, [](std::mt19937&, std::int64_t) { return 1.0; });
  return p;
}

TEST(allocate_by_curves, a_fragile_group_is_protected) {
  problem p = steady_chain({32, 32, 32});
  for (double& error : p.errors[1]) error *= 1000;
  const allocation a = p.run(at(0.5));
  EXPECT_EQ(width_in(p, a, "layer1"), 32);
  EXPECT_LT(width_in(p, a, "layer0"), 32);
  EXPECT_LT(width_in(p, a, "layer2"), 32);
}

// Error per unit saved, not error: a channel of the narrow layer saves 96 products a pixel, of the others 11 and 13.
TEST(allocate_by_curves, cheap_savings_go_first) {
  problem p = steady_chain({48, 8, 48});
  const allocation a = p.run(at(0.7));
  EXPECT_EQ(width_in(p, a, "layer0"), 48);
  EXPECT_LT(width_in(p, a, "layer1"), 8);
  EXPECT_EQ(width_in(p, a, "layer2"), 48);
  for (double& error : p.errors[1]) error *= 10;
  const allocation b = p.run(at(0.9));
  EXPECT_EQ(width_in(p, b, "layer1"), 8);
  EXPECT_LT(width_in(p, b, "layer2"), 48);
}

// The first channel of layer 0 is dear and the next three free: four steps together are cheaper than any single one elsewhere.
TEST(allocate_by_curves, looks_over_a_bump_of_four_steps) {
  problem p = steady_chain({32, 32});
  for (std::size_t t = 1; t <= 32; ++t) {
    p.errors[0][t] = t <= 4 ? 3.0 : 1000.0 * static_cast<double>(t);
    p.errors[1][t] = 1.2 * static_cast<double>(t);
  }
  const allocation a = p.run(at(0.9));
  EXPECT_EQ(width_in(p, a, "layer0"), 28);
  for (std::size_t t = 1; t <= 4; ++t) p.errors[0][t] = 1000;  // over a wall of the same length it sees no reason to go
  EXPECT_EQ(width_in(p, p.run(at(0.9)), "layer0"), 32);
}

TEST(allocate_by_curves, equal_rates_take_the_group_that_comes_first) {
  problem p = steady_chain({16, 16, 16});  // the middle two widths save the same at first
  for (double& error : p.errors[0]) error *= 100;
  for (auto* errors : {&p.errors[1], &p.errors[2]}) std::ranges::fill(*errors, 0.0);
  const allocation a = p.run(at(0.9));
  EXPECT_LT(width_in(p, a, "layer1"), 16);
  EXPECT_EQ(width_in(p, a, "layer2"), 16);
}

TEST(allocate_by_curves, fraction_one_keeps_everything) {
  const problem p = steady_chain({20, 20});
  EXPECT_EQ(p.run(at(1)).mask, full_mask(p.graph));
}

TEST(allocate_by_curves, steps_are_a_64th_of_wide_groups) {
  const problem p = steady_chain({8, 256});
  for (double fraction = 0.95; fraction > 0.2; fraction -= 0.11)
    EXPECT_EQ(width_in(p, p.run(at(fraction, budget_kind::flops, 1)), "layer1") % 4, 0) << "fraction " << fraction;
}

// Steps of C/64 that do not divide what lies above the floor, and grids of two widths only.
TEST(allocate_by_curves, every_floor_can_be_reached) {
  for (const auto& [channels, round_to, floor] :
       {std::tuple{200, 1, 0.02}, {1027, 8, 0.02}, {128, 64, 0.02}, {128, 8, 0.93}, {256, 8, 0.96}}) {
    const problem p = steady_chain({4, channels});
    allocation_options options = at(1, budget_kind::flops, round_to);
    options.floor = floor;
    options.fraction = smallest_reachable(p, options);
    const allocation a = p.run(options);
    expect_valid(p.model, p.graph, a, options);
    const auto least = static_cast<std::int64_t>(std::ceil(floor * channels / round_to)) * round_to;
    EXPECT_EQ(width_in(p, a, "layer1"), least) << channels << " channels rounded to " << round_to;
  }
}

TEST(allocate_by_curves, keep_fixes_groups_outside_the_search) {
  const problem p = steady_chain({100, 20, 64});
  allocation_options options = at(0.5);
  options.keep = {{"layer1", 0.5}, {"layer2", 1.0}};
  const allocation a = p.run(options);
  EXPECT_EQ(width_in(p, a, "layer1"), 10);
  EXPECT_EQ(width_in(p, a, "layer2"), 64);
  EXPECT_LT(width_in(p, a, "layer0"), 100);
  expect_first_of_order_gone(p, a);
  options.fraction = 0.01;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.run(options); }),
                   "2 of 5 groups are locked, 2 are set by keep, every other one is at its floor");
}

TEST(allocate_by_curves, bad_use_is_named) {
  problem p = steady_chain({8, 8});
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.run(at(40)); }), "did you mean 0.4?");
  p.errors[1].pop_back();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.run(at(0.5)); }), "group layer1: error curve of 8 entries for 8 channels");
  p.errors.pop_back();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.run(at(0.5)); }), "2 removal curves with 1 error curves");
  p.curves.pop_back();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.run(at(0.5)); }), "layer1: channel 0 is not in the ranking");
}

}  // namespace
}  // namespace sirfp
