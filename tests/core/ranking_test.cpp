#include "sirfp/ranking.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "sirfp/elimination.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "support/backends.hpp"
#include "support/error_text.hpp"

namespace sirfp {
namespace {

using test::error_text;
using matrix = std::vector<std::vector<double>>;

similarity_state similarity_from(const matrix& mean, std::int64_t images) {
  std::vector<double> packed;
  for (std::size_t i = 0; i < mean.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j) packed.push_back(mean[i][j] * static_cast<double>(images));
  const auto channels = static_cast<std::int64_t>(mean.size());
  return {channels, images, accumulation::mean, buffer::from_host(host_memory(), packed)};
}

edge_state edges_from(const std::vector<double>& mean, std::int64_t images) {
  std::vector<double> sum;
  for (const double value : mean) sum.push_back(value * static_cast<double>(images));
  return {static_cast<std::int64_t>(mean.size()), images, buffer::from_host(host_memory(), sum)};
}

matrix random_matrix(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  matrix m(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) m[i][j] = m[j][i] = i == j ? std::fabs(normal(random)) + 0.5 : normal(random);
  return m;
}

// METHOD 3, by its definition: row sums anew at every step.
elimination by_definition(matrix a) {
  elimination result;
  std::vector<bool> alive(a.size(), true);
  for (std::size_t t = 0; t < a.size(); ++t) {
    std::size_t worst = a.size();
    double most = -1;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!alive[i]) continue;
      double degree = 0;
      for (std::size_t j = 0; j < a.size(); ++j) degree += alive[j] ? std::fabs(a[i][j]) : 0;
      if (degree > most) most = degree, worst = i;
    }
    alive[worst] = false;
    result.order.push_back(static_cast<std::int32_t>(worst));
    result.marginals.push_back(most);
  }
  return result;
}

// One group of `channels`; layers are added with the channel of the group at each position.
struct hand_made {
  op_list network;
  channel_graph graph;
  calibration_state state;

  std::int32_t add_group(const std::string& name, std::int64_t channels) {
    channel_group group;
    group.name = name;
    group.channels = channels;
    graph.groups.push_back(group);
    return static_cast<std::int32_t>(graph.groups.size() - 1);
  }
  void add_layer(const std::string& name, std::int32_t group, const std::vector<std::int32_t>& channels, const matrix& mean,
                 const std::vector<double>& edge = {}, std::vector<std::int64_t> map = {4, 4}) {
    observed_layer layer;
    layer.name = name;
    layer.value = static_cast<std::int32_t>(network.values.size());
    for (const std::int32_t c : channels) layer.layout.push_back({group, c});
    graph.layers.push_back(layer);
    op_value value;
    value.shape = {2, static_cast<std::int64_t>(channels.size())};
    value.shape.insert(value.shape.end(), map.begin(), map.end());
    network.values.push_back(value);
    state.layers[name] = similarity_from(mean, 4);
    if (!edge.empty()) state.edges[name] = edges_from(edge, 4);
  }
  std::vector<ranked_unit> rank(const ranking_options& options = {}, const context& ctx = reference_context()) const {
    return rank_pairwise(ctx, network, graph, state, options);
  }
};

std::vector<std::int32_t> counting(std::int32_t n) {
  std::vector<std::int32_t> all;
  for (std::int32_t c = 0; c < n; ++c) all.push_back(c);
  return all;
}

void expect_like(const ranked_unit& unit, const elimination& expected, const std::vector<std::int32_t>& channels) {
  ASSERT_EQ(unit.order.size(), expected.order.size());
  for (std::size_t t = 0; t < unit.order.size(); ++t) {
    EXPECT_EQ(unit.order[t], channels[static_cast<std::size_t>(expected.order[t])]) << unit.name << " at " << t;
    EXPECT_NEAR(unit.marginals[t], expected.marginals[t], 1e-9) << unit.name << " at " << t;
    EXPECT_NEAR(unit.scores[t], -expected.marginals[t], 1e-9) << unit.name << " at " << t;
  }
}

TEST(ranking, one_layer_is_the_greedy_elimination) {
  hand_made h;
  const matrix a = random_matrix(9, 1);
  h.add_layer("conv", h.add_group("conv", 9), counting(9), a);
  const auto ranking = h.rank();
  ASSERT_EQ(ranking.size(), 1u);
  EXPECT_EQ(ranking[0].name, "conv");
  EXPECT_TRUE(ranking[0].backbone);
  expect_like(ranking[0], by_definition(a), counting(9));
}

// Absolute values member by member, then the sum: opposite signs do not cancel.
TEST(ranking, group_sums_absolute_values_of_its_members) {
  hand_made h;
  const matrix a = random_matrix(6, 2), b = random_matrix(6, 3);
  const std::vector<std::int32_t> turned = {5, 3, 1, 0, 2, 4};  // channel at each position of the second layer
  const auto g = h.add_group("a", 6);
  h.add_layer("a", g, counting(6), a);
  h.add_layer("b", g, turned, b);
  matrix sum(6, std::vector<double>(6));
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 6; ++j) {
      sum[i][j] += std::fabs(a[i][j]);
      sum[static_cast<std::size_t>(turned[i])][static_cast<std::size_t>(turned[j])] += std::fabs(b[i][j]);
    }
  const auto ranking = h.rank();
  ASSERT_EQ(ranking.size(), 1u);
  expect_like(ranking[0], by_definition(sum), counting(6));
}

// A layer whose two halves are added: every channel stands at two of its positions.
TEST(ranking, channel_at_several_positions) {
  hand_made h;
  const matrix a = random_matrix(6, 4);
  h.add_layer("conv", h.add_group("conv", 3), {0, 1, 2, 0, 1, 2}, a);
  matrix folded(3, std::vector<double>(3));
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 6; ++j) folded[i % 3][j % 3] += std::fabs(a[i][j]);
  expect_like(h.rank().at(0), by_definition(folded), counting(3));
}

TEST(ranking, mask_union_ranks_layer_by_layer) {
  hand_made h;
  const matrix a = random_matrix(5, 5), b = random_matrix(3, 6);
  const auto g = h.add_group("a", 5);
  h.add_layer("a", g, counting(5), a);
  h.add_layer("b", g, {4, 0, 2}, b);  // covers a part of the group
  ranking_options options;
  options.coupled = coupling::mask_union;
  const auto ranking = h.rank(options);
  ASSERT_EQ(ranking.size(), 2u);
  EXPECT_EQ(ranking[0].name, "a");
  EXPECT_EQ(ranking[1].name, "b");
  EXPECT_EQ(ranking[1].group, g);
  expect_like(ranking[0], by_definition(a), counting(5));
  // Rows follow the channels' order, positions are 1, 2, 0.
  matrix sorted(3, std::vector<double>(3));
  const std::size_t position[] = {1, 2, 0};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) sorted[i][j] = b[position[i]][position[j]];
  expect_like(ranking[1], by_definition(sorted), {0, 2, 4});
}

TEST(ranking, blocks_are_units) {
  hand_made h;
  const matrix a = random_matrix(6, 7);
  const auto g = h.add_group("grouped", 6);
  h.graph.groups[0].blocks = 2;
  h.graph.groups[0].block = {0, 1, 0, 1, 0, 1};
  h.add_layer("grouped", g, counting(6), a);
  const auto ranking = h.rank();
  ASSERT_EQ(ranking.size(), 2u);
  for (std::size_t b = 0; b < 2; ++b) {
    matrix part(3, std::vector<double>(3));
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) part[i][j] = a[2 * i + b][2 * j + b];
    EXPECT_EQ(ranking[b].name, text("grouped/", b));
    const auto first = static_cast<std::int32_t>(b);
    expect_like(ranking[b], by_definition(part), {first, first + 2, first + 4});
  }
}

TEST(ranking, scales) {
  hand_made h;
  const matrix a = random_matrix(5, 8);
  matrix dead = a;
  for (std::size_t i = 0; i < 5; ++i) dead[i][3] = dead[3][i] = 0;
  h.add_layer("conv", h.add_group("conv", 5), counting(5), dead, {}, {6, 7});
  ranking_options options;
  options.scale = redundancy_scale::resolution_neutral;
  matrix scaled = dead;
  for (auto& row : scaled)
    for (double& value : row) value *= 42;
  expect_like(h.rank(options).at(0), by_definition(scaled), counting(5));
  options.scale = redundancy_scale::cosine;
  for (std::size_t i = 0; i < 5; ++i)
    for (std::size_t j = 0; j < 5; ++j) scaled[i][j] = i == 3 || j == 3 ? 0 : dead[i][j] / std::sqrt(dead[i][i] * dead[j][j]);
  expect_like(h.rank(options).at(0), by_definition(scaled), counting(5));
}

// Whether a state is where the backend computes or has to be copied there.
TEST(ranking, the_same_bits_on_every_backend) {
  hand_made h;
  const auto wide = h.add_group("net.a", 40), blocks = h.add_group("grouped", 6);
  std::vector<std::int32_t> turned = counting(40);
  std::shuffle(turned.begin(), turned.end(), std::mt19937(3));
  turned.resize(30);
  h.add_layer("net.a", wide, counting(40), random_matrix(40, 20), std::vector<double>(40, 0.5));
  h.add_layer("net.b", wide, turned, random_matrix(30, 21), std::vector<double>(30, 0.25));
  h.graph.groups[1].blocks = 2;
  h.graph.groups[1].block = {0, 1, 0, 1, 0, 1};
  h.add_layer("grouped", blocks, {5, 4, 3, 2, 1, 0, 2}, random_matrix(7, 22));
  for (const redundancy_scale scale : {redundancy_scale::reference, redundancy_scale::resolution_neutral, redundancy_scale::cosine})
    for (const coupling coupled : {coupling::sum, coupling::mask_union}) {
      const ranking_options options{scale, coupled, 0.5, "net."};
      const auto expected = h.rank(options);
      for (const test::named_context& each : test::one_of_each_kind())
        for (const bool there : {false, true}) {
          SCOPED_TRACE(each.name);
          hand_made moved;
          moved.network = h.network;
          moved.graph = h.graph;
          for (const auto& [name, layer] : h.state.layers)
            moved.state.layers[name] = copied_sync(there ? each.ctx : reference_context(), layer);
          for (const auto& [name, edge] : h.state.edges)
            moved.state.edges[name] = {edge.channels, edge.images, buffer::from_host(host_memory(), edge.sum.to_host_sync())};
          const auto found = moved.rank(options, each.ctx);
          ASSERT_EQ(found.size(), expected.size());
          for (std::size_t u = 0; u < found.size(); ++u) {
            EXPECT_EQ(found[u].name, expected[u].name);
            EXPECT_EQ(found[u].order, expected[u].order);
            EXPECT_EQ(found[u].marginals, expected[u].marginals);
            EXPECT_EQ(found[u].scores, expected[u].scores);
          }
        }
    }
}

TEST(ranking, token_maps_count_their_length) {
  hand_made h;
  const matrix a = random_matrix(4, 9);
  h.add_layer("linear", h.add_group("linear", 4), counting(4), a);
  h.graph.layers[0].axis = 2;
  h.network.values[0].shape = {2, 50, 4};
  ranking_options options;
  options.scale = redundancy_scale::resolution_neutral;
  const auto neutral = h.rank(options).at(0);
  EXPECT_NEAR(neutral.marginals[0], 50 * h.rank().at(0).marginals[0], 1e-7);
}

// The prior is the mean over the group's backbone layers; other layers add none, and the order does not follow it.
TEST(ranking, edge_prior) {
  hand_made h;
  const auto g = h.add_group("net.a", 3);
  h.add_layer("net.a", g, counting(3), random_matrix(3, 10), {1, 2, 3});
  h.add_layer("net.b", g, counting(3), random_matrix(3, 11), {5, 5, 6});
  h.add_layer("head.c", g, counting(3), random_matrix(3, 12), {100, 100, 100});
  h.add_layer("head.d", h.add_group("head.d", 2), counting(2), random_matrix(2, 13), {100, 100});
  ranking_options options;
  const auto plain = h.rank(options);
  options.edge_weight = 0.5;
  options.backbone = "net.";
  const auto ranking = h.rank(options);
  EXPECT_TRUE(ranking[0].backbone);
  EXPECT_FALSE(ranking[1].backbone);
  const double mean[] = {3, 3.5, 4.5};
  for (std::size_t t = 0; t < 3; ++t) {
    EXPECT_EQ(ranking[0].order[t], plain[0].order[t]);
    EXPECT_DOUBLE_EQ(ranking[0].scores[t], 0.5 * mean[ranking[0].order[t]] - ranking[0].marginals[t]);
  }
  for (std::size_t t = 0; t < 2; ++t) EXPECT_EQ(ranking[1].scores[t], -ranking[1].marginals[t]);
}

TEST(ranking, locked_groups_are_left_out) {
  hand_made h;
  h.add_layer("a", h.add_group("a", 3), counting(3), random_matrix(3, 14));
  h.add_layer("b", h.add_group("b", 3), counting(3), random_matrix(3, 15));
  h.graph.groups[0].locked = true;
  h.state.layers.erase("a");  // not needed either
  const auto ranking = h.rank();
  ASSERT_EQ(ranking.size(), 1u);
  EXPECT_EQ(ranking[0].group, 1);
}

TEST(ranking, refuses) {
  hand_made h;
  h.add_layer("net.a", h.add_group("net.a", 3), counting(3), random_matrix(3, 16));
  ranking_options options;
  options.backbone = "nt";
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { h.rank(options); }), "backbone prefix nt: no observed layer starts so; nearest: net");
  options.backbone = "net";
  options.edge_weight = 0.4;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { h.rank(options); }), "layer net.a: no edge score");
  options.edge_weight = -1;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { h.rank(options); }), "edge weight -1");
  h.state.layers["net.a"] = similarity_from(random_matrix(4, 17), 1);
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { h.rank(); }), "layer net.a: 3 channels in the network, 4 in the calibration state");
  h.state.layers.clear();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { h.rank(); }), "layer net.a is not in the calibration state");
  h.graph.layers.clear();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { h.rank(); }), "group net.a has no observed layer");
}

}  // namespace
}  // namespace sirfp
