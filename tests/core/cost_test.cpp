// The cost model against sums written out by hand, and against the model of the network that a removal leaves.
#include "sirfp/cost.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "support/op_list_builder.hpp"

namespace sirfp::test {
namespace {

struct widths {
  std::int64_t stem = 8, grouped = 12, depthwise = 1, side = 6;  // depthwise: multiplier
};

// Every operator with a cost: dense, grouped, depthwise, transposed, linear, norm, sums, repeats.
op_list network(const widths& w) {
  op_list_builder net;
  const auto x = net.input({2, 3, 8, 8});
  const auto stem = net.relu(net.batch_norm("bn", net.conv("stem", x, w.stem, {.kernel = 3})));
  const auto grouped = net.conv("grouped", stem, w.grouped, {.kernel = 3, .groups = 2, .bias = true});
  const auto deep = net.conv("deep", stem, w.stem * 2, {.kernel = 3, .groups = w.stem});
  const auto side = net.conv("side", x, w.side);
  const auto joined = net.cat({grouped, deep, side, side});
  const auto up = net.conv("up", joined, 5, {.kernel = 2, .transposed = true});
  const auto flat = net.one("aten::flatten", "flat", {tensor(net.pool(up)), ints({1}), ints({-1})}, {2, 5});
  return net.finish({net.linear("fc", flat, 3), net.conv("head", stem, 4)});
}

void expect_equal(const network_cost& a, const network_cost& b) {
  EXPECT_DOUBLE_EQ(a.flops, b.flops);
  EXPECT_DOUBLE_EQ(a.parameters, b.parameters);
  EXPECT_DOUBLE_EQ(a.activations, b.activations);
}

std::size_t group_index(const channel_graph& graph, const std::string& name) {
  for (std::size_t g = 0; g < graph.groups.size(); ++g) {
    if (graph.groups[g].name == name) return g;
  }
  throw std::runtime_error("no group " + name);
}

TEST(cost, dense_network_by_hand) {
  const op_list list = network({});
  const channel_graph graph = analyse_channels(list);
  const cost_model model(list, graph);
  const double pixels = 2 * 64;
  const double flops = 2 * pixels * (8 * 3 * 9 + 12 * 4 * 9 + 16 * 9 + 6 * 3)  // stem, grouped, deep, side
                       + 2 * pixels * (12 + 16 + 12) * 5 * 4                   // up: every input pixel to 5 x 2 x 2 outputs
                       + 2 * 2 * 5 * 3 + 2 * pixels * 8 * 4;                   // fc, head
  const double parameters = 8 * 3 * 9 + 2 * 8 + (12 * 4 * 9 + 12) + 16 * 9 + 6 * 3 + 40 * 5 * 4 + (5 * 3 + 3) + 8 * 4;
  const double activations = pixels * (8 * 3 + 12 + 16 + 6 + 40 + 4) + 4 * pixels * 5 + 2 * 5 + 2 * 5 + 2 * 3;
  expect_equal(model.evaluate(full_mask(graph)), {flops, parameters, activations});

  std::map<std::string, network_cost> by_place;
  for (const op_cost& c : model.per_op(full_mask(graph))) by_place[list.ops[static_cast<std::size_t>(c.op)].place] = c.cost;
  expect_equal(by_place.at("grouped"), {2 * pixels * 12 * 4 * 9, 12 * 4 * 9 + 12, pixels * 12});
  expect_equal(by_place.at("bn"), {0, 16, pixels * 8});
}

// Masked widths must cost what the smaller network costs.
TEST(cost, removal_costs_what_the_smaller_network_costs) {
  const op_list list = network({});
  const channel_graph graph = analyse_channels(list);
  channel_mask mask = full_mask(graph);
  const auto remove = [&](const std::string& name, const std::vector<std::size_t>& channels) {
    const std::size_t g = group_index(graph, name);
    ASSERT_FALSE(graph.groups[g].locked) << graph.groups[g].lock_reason;
    for (std::size_t c : channels) mask[g][c] = 0;
  };
  remove("stem", {1, 6});
  remove("grouped", {0, 1, 2, 6, 9, 11});
  remove("side", {5});
  const op_list smaller = network({.stem = 6, .grouped = 6, .side = 5});
  const channel_graph smaller_graph = analyse_channels(smaller);
  expect_equal(cost_model(list, graph).evaluate(mask), cost_model(smaller, smaller_graph).evaluate(full_mask(smaller_graph)));
}

TEST(cost, shared_parameters_count_once) {
  op_list_builder net;
  const auto x = net.input({1, 4, 8, 8});
  const auto y = net.conv("s", net.conv("s", x, 4), 4);
  const op_list list = net.finish({net.conv("head", y, 2)});
  const channel_graph graph = analyse_channels(list);
  EXPECT_DOUBLE_EQ(cost_model(list, graph).evaluate(full_mask(graph)).parameters, 16 + 8);
  EXPECT_DOUBLE_EQ(cost_model(list, graph).evaluate(full_mask(graph)).flops, 2 * 64 * (16 + 16 + 8));
}

TEST(cost, dead_operators_cost_nothing) {
  op_list_builder net;
  const auto a = net.conv("a", net.input({1, 3, 8, 8}), 4);
  net.conv("dead", a, 100);
  const op_list list = net.finish({net.conv("head", a, 2)});
  const channel_graph graph = analyse_channels(list);
  EXPECT_DOUBLE_EQ(cost_model(list, graph).evaluate(full_mask(graph)).parameters, 12 + 8);
}

TEST(cost, products_of_activations_are_fixed) {
  op_list_builder net;
  const auto q = net.input({2, 4, 16, 8}, "q");
  const auto k = net.input({2, 4, 8, 16}, "k");
  const auto s = net.one("aten::matmul", "scores", {tensor(q), tensor(k)}, {2, 4, 16, 16});
  const auto y = net.one("aten::scaled_dot_product_attention", "attention", {tensor(q), tensor(q), tensor(q), nothing()}, {2, 4, 16, 8});
  const op_list list = net.finish({s, y});
  const channel_graph graph = analyse_channels(list);
  EXPECT_DOUBLE_EQ(cost_model(list, graph).evaluate(full_mask(graph)).flops, 2 * 8 * 16 * 16 * 8 + 2 * 8 * 16 * 16 * (8 + 8));
}

// A walk of removals and restorations, one channel at a time, stays on what a fresh evaluation says.
TEST(cost, cursor_follows_evaluate) {
  const op_list list = network({});
  const channel_graph graph = analyse_channels(list);
  const cost_model model(list, graph);
  cost_model::cursor cursor(model, full_mask(graph));
  std::mt19937_64 random(7);
  for (int step = 0; step < 300; ++step) {
    const auto g = static_cast<std::size_t>(random() % graph.groups.size());
    const auto c = static_cast<std::size_t>(random() % static_cast<std::uint64_t>(graph.groups[g].channels));
    if (graph.groups[g].locked) continue;
    if (cursor.mask()[g][c]) {
      cursor.remove(static_cast<std::int32_t>(g), static_cast<std::int32_t>(c));
    } else {
      cursor.restore(static_cast<std::int32_t>(g), static_cast<std::int32_t>(c));
    }
    const network_cost fresh = model.evaluate(cursor.mask());
    ASSERT_DOUBLE_EQ(cursor.cost().flops, fresh.flops) << "step " << step;
    ASSERT_DOUBLE_EQ(cursor.cost().parameters, fresh.parameters) << "step " << step;
    ASSERT_DOUBLE_EQ(cursor.cost().activations, fresh.activations) << "step " << step;
  }
}

TEST(cost, a_channel_is_removed_once) {
  const op_list list = network({});
  const channel_graph graph = analyse_channels(list);
  const cost_model model(list, graph);
  cost_model::cursor cursor(model, full_mask(graph));
  const auto g = static_cast<std::int32_t>(group_index(graph, "stem"));
  cursor.remove(g, 0);
  EXPECT_THROW(cursor.remove(g, 0), std::invalid_argument);
  cursor.restore(g, 0);
  EXPECT_THROW(cursor.restore(g, 0), std::invalid_argument);
}

}  // namespace
}  // namespace sirfp::test
