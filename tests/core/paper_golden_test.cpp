// The `paper` preset end to end against an independent numpy transcription of METHOD (tests/golden/make_paper_golden.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sirfp/calibration_state.hpp"
#include "sirfp/compensation.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "sirfp/preset.hpp"
#include "sirfp/safetensors.hpp"
#include "support/network_builder.hpp"

namespace sirfp {
namespace {

using nlohmann::json;

const std::filesystem::path folder = SIRFP_GOLDEN_FOLDER;

struct golden {
  json expected = json::parse(read_text(folder / "paper.json"));
  safetensors_file maps = read_safetensors(folder / "paper_maps.safetensors");
  op_list network;
  channel_graph graph;

  golden() {
    test::network_builder builder;
    std::map<std::string, std::int32_t> tensors;
    const auto size = expected["size"].get<std::vector<std::int64_t>>();
    tensors["x"] = builder.input({1, 3, size[0], size[1]});
    std::string last;
    for (const json& line : expected["network"]) {
      const std::string kind = line["kind"];
      last = line["place"];
      std::vector<std::int32_t> in;
      for (const std::string name : line["inputs"]) in.push_back(tensors.at(name));
      if (kind == "conv") {
        const auto shape = line["shape"].get<std::vector<std::int64_t>>();
        tensors[last] = builder.conv(last, in[0], shape[0], {.kernel = shape[1], .stride = shape[2], .bias = last == "head.classifier"});
      }
      if (kind == "norm") tensors[last] = builder.batch_norm(last, in[0]);
      if (kind == "relu") tensors[last] = builder.relu(last, in[0]);
      if (kind == "add") tensors[last] = builder.add(last, in[0], in[1]);
      if (kind == "cat") tensors[last] = builder.cat(last, in);
    }
    builder.output(tensors.at(last));
    network = builder.build();
    graph = analyse_channels(network);
  }

  // Steps of an int8 tensor as floats; exact.
  std::vector<float> floats(const std::string& name, double step) const {
    std::vector<float> values;
    for (const std::byte byte : maps.tensors.at(name).bytes) values.push_back(static_cast<float>(static_cast<std::int8_t>(byte) * step));
    return values;
  }
  const std::vector<std::int64_t>& shape(const std::string& name) const { return maps.tensors.at(name).shape; }
};

const golden& the_golden() {
  static const golden g;
  return g;
}

std::vector<std::string> observed_names(const golden& g) {
  std::vector<std::string> names;
  for (const auto& [name, layer] : g.expected["layers"].items()) names.push_back(name);
  return names;
}

// Feeds the golden maps in two batches, as calibration would.
calibration_state observed(const golden& g, const context& ctx) {
  calibration_state state;
  for (const std::string& name : observed_names(g)) {
    const auto values = g.floats(name, g.expected["step"]);
    const auto& s = g.shape(name);
    const std::int64_t image = s[1] * s[2] * s[3];
    for (const auto& [first, count] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, s[0] - 1}}) {
      const auto view = feature_view::nchw(values.data() + first * image, dtype::f32, count, s[1], s[2], s[3]);
      accumulate_similarity(ctx, view, {}, {}, state.layers[name]);
      accumulate_edge_score(ctx, view, state.edges[name]);
    }
  }
  return state;
}

ranking_options paper_ranking() {
  ranking_options options = make_preset("paper").ranking;
  options.backbone = "backbone";
  return options;
}

class paper : public testing::TestWithParam<const char*> {
 protected:
  const golden& g = the_golden();
  context ctx = make_context(GetParam(), make_thread_pool(2));
  // The reference computes in fp64, the cpu backend has the error of fp32 products (METHOD 8).
  const bool exact = std::string(GetParam()) == "reference";
  const double tolerance = exact ? 1e-12 : 2e-6;
};

TEST_P(paper, statistics) {
  const calibration_state state = observed(g, ctx);
  for (const auto& [name, layer] : g.expected["layers"].items()) {
    const auto redundancy = mean_redundancy_sync(state.layers.at(name));
    const auto expected = layer["redundancy"].get<std::vector<double>>();
    ASSERT_EQ(redundancy.size(), expected.size());
    const double most = *std::max_element(expected.begin(), expected.end());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(redundancy[i], expected[i], tolerance * most) << name << " at " << i;
    const auto edge = edge_score_sync(state.edges.at(name));
    for (std::size_t c = 0; c < edge.size(); ++c)
      EXPECT_NEAR(edge[c], layer["edge"][c].get<double>(), tolerance) << name << " channel " << c;
  }
}

TEST_P(paper, orders_and_scores) {
  const auto ranking = rank_pairwise(ctx, g.network, g.graph, observed(g, ctx), paper_ranking());
  ASSERT_EQ(ranking.size(), g.expected["layers"].size());
  for (const ranked_unit& unit : ranking) {
    const json& layer = g.expected["layers"].at(unit.name);
    EXPECT_EQ(unit.order, layer["order"].get<std::vector<std::int32_t>>()) << unit.name;
    EXPECT_EQ(unit.backbone, unit.name.starts_with("backbone"));
    // Fixed point adds 2^-40 of the degrees' bound to the sums.
    for (std::size_t t = 0; t < unit.order.size(); ++t) {
      EXPECT_NEAR(unit.marginals[t], layer["marginals"][t].get<double>(), (tolerance + 1e-10) * unit.marginals[0])
          << unit.name << " at " << t;
      EXPECT_NEAR(unit.scores[t], layer["scores"][static_cast<std::size_t>(unit.order[t])].get<double>(), tolerance + 1e-10)
          << unit.name << " at " << t;
    }
  }
}

TEST_P(paper, widths) {
  const auto ranking = rank_pairwise(ctx, g.network, g.graph, observed(g, ctx), paper_ranking());
  const cost_model model(g.network, g.graph);
  for (const json& target : g.expected["targets"]) {
    SCOPED_TRACE(target["budget"].get<std::string>() + " " + target["fraction"].dump());
    allocation_options options = make_preset("paper").widths;
    options.budget = target["budget"] == "flops" ? budget_kind::flops : budget_kind::parameters;
    options.fraction = target["fraction"];
    const allocation found = allocate_widths(model, g.graph, ranking, options);
    EXPECT_EQ(found.before.flops, g.expected["dense"]["flops"].get<double>());
    EXPECT_EQ(found.before.parameters, g.expected["dense"]["parameters"].get<double>());
    EXPECT_EQ(found.after.flops, target["cost"]["flops"].get<double>());
    EXPECT_EQ(found.after.parameters, target["cost"]["parameters"].get<double>());
    EXPECT_EQ(found.note.find(text("percentile ", target["percent"].get<double>() / 100, ",")), 0u) << found.note;
    std::size_t compared = 0;
    for (std::size_t i = 0; i < g.graph.groups.size(); ++i) {
      const channel_group& group = g.graph.groups[i];
      if (group.locked) continue;
      EXPECT_EQ(found.mask[i], target["masks"].at(group.name).get<std::vector<std::uint8_t>>()) << group.name;
      ++compared;
    }
    EXPECT_EQ(compared, target["masks"].size());
  }
}

// Constant absorption at head.fuse, which reads relu(head.low), relu(head.aspp).
TEST_P(paper, absorbed_constant) {
  const std::vector<std::string> parts = {"head.low", "head.aspp"};
  const auto images = g.expected["images"].get<std::int64_t>();
  const std::int64_t pixels = g.shape(parts[0])[2] * g.shape(parts[0])[3];
  std::vector<float> site;
  for (std::int64_t n = 0; n < images; ++n)
    for (const std::string& part : parts) {
      const auto values = g.floats(part, g.expected["step"]);
      const std::int64_t size = g.shape(part)[1] * pixels;
      for (std::int64_t i = 0; i < size; ++i) site.push_back(std::max(values[static_cast<std::size_t>(n * size + i)], 0.0F));
    }
  const std::int64_t channels = g.shape(parts[0])[1] + g.shape(parts[1])[1];
  moments_state state;
  accumulate_moments(ctx, feature_view::nchw(site.data(), dtype::f32, images, channels, 1, pixels), {}, state);
  const moments statistics = moments_sync(state);
  for (std::size_t c = 0; c < statistics.mean.size(); ++c)
    EXPECT_NEAR(statistics.mean[c], g.expected["site_mean"][c].get<double>(), tolerance);
  for (const json& target : g.expected["targets"]) {
    std::vector<std::uint8_t> kept;
    for (const std::string& part : parts)
      for (const std::uint8_t k : target["masks"].at(part).get<std::vector<std::uint8_t>>()) kept.push_back(k);
    std::vector<double> weight;
    for (const float value : g.floats("weight", 1.0 / 64)) weight.push_back(value);
    const auto prediction = predict_removed(statistics, kept, compensation::constant);
    const auto bias = fold_prediction(prediction, weight, g.shape("weight")[0], channels, 9);
    ASSERT_EQ(bias.size(), target["absorbed"].size());
    for (std::size_t o = 0; o < bias.size(); ++o)
      EXPECT_NEAR(bias[o], target["absorbed"][o].get<double>(), 10 * tolerance) << "output " << o;
  }
}

INSTANTIATE_TEST_SUITE_P(backends, paper, testing::Values("reference", "cpu"), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace sirfp
