#include "sirfp/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <set>

#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "support/error_text.hpp"
#include "support/random_op_list.hpp"
#include "support/temporary_folder.hpp"

namespace sirfp {
namespace {

using nlohmann::ordered_json;
using test::error_text;

// A random network and a plan for it: the first channels of a random order go, the same number in every block.
struct planned {
  op_list network;
  channel_graph graph;
  std::vector<ranked_unit> ranking;
  allocation widths;
  plan made;

  explicit planned(unsigned seed) : planned(seed, test::random_op_list(seed)) {}
  planned(unsigned seed, op_list list) : network(std::move(list)), graph(analyse_channels(network)) {
    const cost_model model(network, graph);
    std::mt19937 random(seed);
    widths.mask = full_mask(graph);
    for (std::size_t g = 0; g < graph.groups.size(); ++g)
      if (!graph.groups[g].locked) remove_half(static_cast<std::int32_t>(g), random);
    widths.before = model.evaluate(full_mask(graph));
    widths.after = model.evaluate(widths.mask);
    made = make_plan(network, graph, ranking, widths);
    made.options = R"({"preset":"default","images":{"size":[8,8],"mean":[0.485,0.456]}})";
    made.provenance = R"({"sirfp":"0.1.0","images":["a.png"]})";
    made.weights_file = "plan.safetensors";
    made.weights_hash = "0123456789abcdef";
  }
  void check() const { check_plan(made, network, graph, made.network); }

 private:
  void remove_half(std::int32_t g, std::mt19937& random) {
    const channel_group& group = graph.groups[static_cast<std::size_t>(g)];
    for (std::int64_t b = 0; b < group.blocks; ++b) {
      ranked_unit unit;
      unit.group = g;
      for (std::int32_t c = 0; c < group.channels; ++c)
        if (group.blocks == 1 || group.block[static_cast<std::size_t>(c)] == b) unit.order.push_back(c);
      std::shuffle(unit.order.begin(), unit.order.end(), random);
      for (std::size_t t = 0; t < unit.order.size(); ++t) {
        unit.marginals.push_back(1.0 / static_cast<double>(t + 3));
        unit.scores.push_back(-unit.marginals.back());
        if (t < unit.order.size() / 2) widths.mask[static_cast<std::size_t>(g)][static_cast<std::size_t>(unit.order[t])] = 0;
      }
      ranking.push_back(unit);
    }
  }
};

// conv 3 -> 8, depthwise 8, conv 8 -> 6 (locked: the output).
planned small() {
  test::network_builder net;
  std::int32_t x = net.relu("relu", net.batch_norm("bn", net.conv("stem", net.input({1, 3, 8, 8}), 8, {})));
  x = net.conv("deep", x, 8, {.groups = 8});
  net.output(net.conv("head", x, 6, {}));
  return planned(1, net.build());
}

std::size_t prunable(const planned& p) {
  for (std::size_t g = 0; g < p.graph.groups.size(); ++g)
    if (!p.graph.groups[g].locked) return g;
  return 0;
}

class on_random_networks : public testing::TestWithParam<unsigned> {};

TEST_P(on_random_networks, round_trip_and_check) {
  const planned p(GetParam());
  p.check();
  EXPECT_EQ(mask_of(p.made, p.graph), p.widths.mask);
  const std::string json = to_json(p.made);
  const plan back = plan_from_json(json, "p.json");
  EXPECT_EQ(to_json(back), json);
  check_plan(back, p.network, p.graph, fingerprint_of(p.network));
  ASSERT_EQ(back.groups.size(), p.made.groups.size());
  for (std::size_t g = 0; g < back.groups.size(); ++g) {
    EXPECT_EQ(back.groups[g].kept, p.made.groups[g].kept);
    EXPECT_EQ(back.groups[g].marginals, p.made.groups[g].marginals);
  }
  EXPECT_EQ(back.after.flops, p.made.after.flops);
}

// The sizes that the slices leave are those that the cost model counts.
TEST_P(on_random_networks, slices_leave_the_parameters_that_are_counted) {
  const planned p(GetParam());
  std::set<std::int32_t> read;  // by an operator that the output depends on
  for (std::size_t i = 0; i < p.network.ops.size(); ++i)
    for (const op_argument& argument : p.network.ops[i].arguments)
      if (p.graph.live[i] != 0) read.insert(argument.values.begin(), argument.values.end());
  double left = 0;
  for (std::size_t id = 0; id < p.network.values.size(); ++id) {
    const op_value& value = p.network.values[id];
    if (value.kind != op_value::role::parameter || !read.contains(static_cast<std::int32_t>(id))) continue;
    std::vector<std::int64_t> shape = value.shape;
    for (const parameter_slice& slice : p.made.slices) {
      if (slice.parameter != value.name) continue;
      std::int64_t& extent = shape[static_cast<std::size_t>(slice.axis)];
      extent = static_cast<std::int64_t>(slice.kept.size()) / slice.blocks;
      for (const std::int64_t k : slice.kept) EXPECT_LT(k, value.shape[static_cast<std::size_t>(slice.axis)]);
    }
    left += static_cast<double>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  }
  EXPECT_EQ(left, p.made.after.parameters);
}

INSTANTIATE_TEST_SUITE_P(seeds, on_random_networks, testing::Range(0U, 100U));

// What the plan tells its reader survives a round trip.
TEST(plan, predictions) {
  planned p = small();
  EXPECT_EQ(predicted_error(p.made), std::nullopt);
  const std::size_t g = prunable(p);
  p.made.groups[g].predicted_error = 0.25;
  p.made.groups[g].best_predicted = {{3, 0.75, {{{static_cast<std::int32_t>(g), 1}, -0.5}}}, {2, 1, {}}};
  const plan back = plan_from_json(to_json(p.made), "p.json");
  EXPECT_EQ(predicted_error(back), 0.25);
  ASSERT_EQ(back.groups[g].best_predicted.size(), 2u);
  const predicted_channel& first = back.groups[g].best_predicted[0];
  EXPECT_EQ(first.channel, 3);
  EXPECT_EQ(first.explained, 0.75);
  ASSERT_EQ(first.by.size(), 1u);
  EXPECT_EQ(first.by[0].channel, (channel_ref{static_cast<std::int32_t>(g), 1}));
  EXPECT_EQ(first.by[0].weight, -0.5);
  p.made.groups[g].predicted_error = std::nan("");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { to_json(p.made); }), "group stem: its predicted error is not finite");
}

TEST(plan, says_what_follows_from_the_mask) {
  const planned p = small();
  const planned_group& group = p.made.groups[prunable(p)];
  EXPECT_EQ(group.name, "stem");
  EXPECT_EQ(group.kept.size(), 4u);
  const std::vector<std::int64_t> kept(group.kept.begin(), group.kept.end());
  std::map<std::pair<std::string, std::int32_t>, std::vector<std::int64_t>> slices;
  for (const parameter_slice& slice : p.made.slices) slices[{slice.parameter, slice.axis}] = slice.kept;
  const std::vector<std::pair<std::string, std::int32_t>> expected = {{"bn.bias", 0},    {"bn.running_mean", 0}, {"bn.running_var", 0},
                                                                      {"bn.weight", 0},  {"deep.weight", 0},     {"head.weight", 1},
                                                                      {"stem.weight", 0}};
  ASSERT_EQ(slices.size(), expected.size());
  for (const auto& key : expected) EXPECT_EQ(slices.at(key), kept) << key.first;
  ASSERT_EQ(p.made.literals.size(), 1u);  // the depthwise convolution's groups
  EXPECT_EQ(p.made.literals[0].place, "aten::conv2d@deep");
  EXPECT_EQ(p.made.literals[0].argument, 6);
  EXPECT_EQ(p.made.literals[0].from, 8);
  EXPECT_EQ(p.made.literals[0].to, 4);
  EXPECT_EQ(p.made.input_shape, (std::vector<std::int64_t>{1, 3, 8, 8}));
}

TEST(plan, nothing_removed_is_a_plan_too) {
  planned p = small();
  p.widths.mask = full_mask(p.graph);
  p.made = make_plan(p.network, p.graph, p.ranking, p.widths);
  EXPECT_TRUE(p.made.slices.empty());
  EXPECT_TRUE(p.made.literals.empty());
  check_plan(plan_from_json(to_json(p.made), "p"), p.network, p.graph, p.made.network);
}

TEST(plan, json_is_for_people) {
  const planned p = small();
  const std::string json = to_json(p.made);
  SIRFP_EXPECT_HAS(json, "\"format\": \"sirfp-plan\",\n  \"version\": 1,");
  SIRFP_EXPECT_HAS(json, "\"kept\": [");
  EXPECT_LT(std::count(json.begin(), json.end(), '\n'), 150);
}

// Plans that were edited: each names the first thing that is wrong.
TEST(plan, check_refuses_edited_plans) {
  const planned good = small();
  const std::size_t g = prunable(good);
  const auto refused = [&](const std::function<void(plan&)>& change) {
    planned p = small();
    change(p.made);
    return error_text<invalid_argument>([&] { check_plan(p.made, p.network, p.graph, good.made.network); });
  };
  const auto& kept = good.made.groups[g].kept;
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[g].kept.back() = 8; }), "group stem: kept channel 8 is out of range: expected 0..7");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[g].kept[0] = -1; }), "kept channel -1 is out of range");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[g].kept[1] = p.groups[g].kept[0]; }), text("kept channel ", kept[0], " is repeated"));
  SIRFP_EXPECT_HAS(refused([&](plan& p) { std::swap(p.groups[g].kept[0], p.groups[g].kept[1]); }),
                   text("not sorted: ", kept[0], " after ", kept[1]));
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[g].kept.clear(); }), "keeps no channel of 8");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[g].kept.pop_back(); }), "slice of stem.weight axis 0: kept[3]");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[g].order[0] = 9; }), "channel 9 in its order is out of range");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[g].scores.pop_back(); }), "8 channels in its order, 8 marginals, 7 scores");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[g].name = "stm"; }), "is stm, the network's is stem");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[g].channels = 9; }), "9 channels, the network's has 8");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups.pop_back(); }), "groups, the network has");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.slices.pop_back(); }), "is missing");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.slices.push_back(p.slices.back()); }), "does not follow from the kept channels");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.slices[0].kept[2] = 99; }), "kept[2] is 99, the kept channels ask for");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.slices[0].parameter = "stem.bias"; }), "slice of stem.bias axis 0");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.literals[0].to = 5; }),
                   "literal of aten::conv2d@deep argument 6 element 0: from 8 to 5, the kept channels ask for 8 to 4");
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.literals.clear(); }), "literal of aten::conv2d@deep argument 6 element 0 is missing");
  std::size_t locked = 0;
  while (good.graph.groups[locked].name != "head") ++locked;
  SIRFP_EXPECT_HAS(refused([&](plan& p) { p.groups[locked].kept.pop_back(); }), "removes 1 channels of a locked group (");
}

TEST(plan, check_refuses_unequal_blocks) {
  for (unsigned seed = 0;; ++seed) {
    planned p(seed);
    const auto grouped =
        std::find_if(p.graph.groups.begin(), p.graph.groups.end(), [](const channel_group& g) { return !g.locked && g.blocks > 1; });
    if (grouped == p.graph.groups.end()) continue;
    p.made.groups[static_cast<std::size_t>(grouped - p.graph.groups.begin())].kept.pop_back();
    SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.check(); }), "expected the same number in every block");
    return;
  }
}

TEST(plan, check_refuses_another_network) {
  const planned p = small();
  const planned other(3);
  const std::string what = error_text<invalid_argument>([&] { check_plan(p.made, other.network, other.graph, other.made.network); });
  SIRFP_EXPECT_HAS(what, "the plan is for another network: ");
  network_fingerprint trained_again = p.made.network;
  trained_again.parameters[0].hash = "00000000000000ff";
  plan hashed = p.made;
  hashed.network.parameters[0].hash = "00000000000000aa";
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { check_plan(hashed, p.network, p.graph, trained_again); }),
                   p.made.network.parameters[0].name);
}

TEST(plan, reader_refuses) {
  const planned p = small();
  const ordered_json good = ordered_json::parse(to_json(p.made));
  const auto refused = [&](const std::function<void(ordered_json&)>& change) {
    ordered_json edited = good;
    change(edited);
    const std::string what = error_text<invalid_argument>([&] { plan_from_json(edited.dump(), "out/p.json"); });
    SIRFP_EXPECT_HAS(what, "out/p.json: ");
    return what;
  };
  using json = ordered_json;
  SIRFP_EXPECT_HAS(refused([](json& j) { j["version"] = 2; }), "plan of version 2; sirfp 0.1.0 reads version 1");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["version"] = 0; }), "plan of version 0: expected 1");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["version"] = "1"; }), "version: expected an integer, found string");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["format"] = "other"; }), "not a plan of sirfp");
  SIRFP_EXPECT_HAS(refused([](json& j) { j = json::array({1, 2}); }), "expected a JSON object, found array");
  SIRFP_EXPECT_HAS(refused([](json& j) { j.erase("groups"); }), "field groups is missing");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["extra"] = 1; }), "unknown field extra");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["groups"] = 3; }), "groups: expected a list, found number");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["groups"][1].erase("kept"); }), "groups[1]: field kept is missing");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["groups"][1]["kept"][0] = "a"; }), "groups[1].kept[0]: expected an integer, found string");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["groups"][1]["kept"][0] = 1.5; }), "groups[1].kept[0]: expected an integer, found number");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["groups"][1]["kept"][0] = 3000000000; }), "expected an integer of 32 bits, found 3000000000");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["groups"][1]["scores"] = json::array({nullptr}); }), "scores[0]: expected a number, found null");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["cost"]["after"].erase("flops"); }), "cost.after: field flops is missing");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["slices"][0]["axis"] = "0"; }), "slices[0].axis: expected an integer, found string");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["literals"][0]["to"] = nullptr; }), "literals[0].to: expected an integer, found null");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["network"]["parameters"][0]["shape"] = 1; }),
                   "network.parameters[0].shape: expected a list, found number");
  SIRFP_EXPECT_HAS(refused([](json& j) { j["options"] = "text"; }), "options: expected an object, found string");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { plan_from_json("{\"format\": ", "out/p.json"); }), "out/p.json: not JSON: ");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { plan_from_json("", "out/p.json"); }), "out/p.json: not JSON: ");
}

TEST(plan, writer_refuses) {
  planned p = small();
  p.made.groups[prunable(p)].scores[0] = std::nan("");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { to_json(p.made); }), "group stem: a score is not finite");
  p = small();
  p.made.options = "[1]";
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { to_json(p.made); }), "plan: options: expected a JSON object, found array");
  p = small();
  p.made.groups[0].name = "\xff";
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { to_json(p.made); }), "names must be UTF-8");
}

// For tests/python/test_plan_schema.py: leaves plans where SIRFP_PLAN_FOLDER says.
TEST(plan, samples_for_python) {
  const test::temporary_folder folder;
  const char* wanted = std::getenv("SIRFP_PLAN_FOLDER");
  const std::filesystem::path out = wanted != nullptr ? std::filesystem::path(wanted) : folder.path();
  for (unsigned seed = 0; seed < 20; ++seed) {
    planned p(seed);
    const std::size_t g = prunable(p);
    p.made.groups[g].predicted_error = 0.5;
    p.made.groups[g].best_predicted = {{0, 1, {{{static_cast<std::int32_t>(g), 0}, 2}}}};
    write_text(out / text("plan", seed, ".json"), to_json(p.made));
    check_plan(plan_from_json(read_text(out / text("plan", seed, ".json")), "plan"), p.network, p.graph, p.made.network);
  }
}

}  // namespace
}  // namespace sirfp
