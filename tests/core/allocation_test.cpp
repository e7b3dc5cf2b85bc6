#include "sirfp/allocation.hpp"

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

// A ranking with random marginals that never increase and, if asked for, priors that disagree with the order.
ranked_unit random_unit(std::int32_t group, std::vector<std::int32_t> channels, std::mt19937& random, bool priors) {
  std::shuffle(channels.begin(), channels.end(), random);
  std::uniform_real_distribution<double> uniform(0, 1);
  ranked_unit unit;
  unit.group = group;
  unit.name = text("unit of ", group);
  unit.backbone = random() % 2 == 0;
  unit.order = channels;
  for (std::size_t i = 0; i < channels.size(); ++i) unit.marginals.push_back(uniform(random));
  std::sort(unit.marginals.rbegin(), unit.marginals.rend());
  for (const double marginal : unit.marginals) unit.scores.push_back((priors ? uniform(random) : 0) - marginal);
  return unit;
}

struct problem {
  op_list network;
  channel_graph graph;
  cost_model model;
  std::vector<ranked_unit> ranking;

  explicit problem(unsigned seed, bool priors = false, std::size_t layers = 1)
      : network(test::random_op_list(seed)), graph(analyse_channels(network)), model(network, graph) {
    std::mt19937 random(seed);
    for (std::size_t g = 0; g < graph.groups.size(); ++g) {
      const channel_group& group = graph.groups[g];
      if (group.locked) continue;
      for (std::int64_t b = 0; b < group.blocks; ++b) {
        std::vector<std::int32_t> channels;
        for (std::int32_t c = 0; c < group.channels; ++c)
          if (group.blocks == 1 || group.block[static_cast<std::size_t>(c)] == b) channels.push_back(c);
        for (std::size_t l = 0; l < layers; ++l) ranking.push_back(random_unit(static_cast<std::int32_t>(g), channels, random, priors));
      }
    }
  }
  allocation run(const allocation_options& options) const { return allocate_widths(model, graph, ranking, options); }
};

// Nothing that is kept scores below something removed, unit by unit.
void expect_best_kept(const problem& p, const allocation& a) {
  for (const ranked_unit& unit : p.ranking) {
    double worst_kept = HUGE_VAL, best_removed = -HUGE_VAL;
    for (std::size_t t = 0; t < unit.order.size(); ++t) {
      const bool kept = a.mask[static_cast<std::size_t>(unit.group)][static_cast<std::size_t>(unit.order[t])] != 0;
      (kept ? worst_kept : best_removed) = kept ? std::min(worst_kept, unit.scores[t]) : std::max(best_removed, unit.scores[t]);
    }
    EXPECT_LE(best_removed, worst_kept) << unit.name;
  }
}

// The masks of the next ratio up: where a group steps first, all that step there do.
channel_mask one_step_up(const problem& p, const allocation& a, const allocation_options& options) {
  double next = HUGE_VAL;
  std::vector<std::pair<double, std::int64_t>> steps(p.graph.groups.size(), {HUGE_VAL, 0});
  for (std::size_t g = 0; g < steps.size(); ++g) {
    if (p.graph.groups[g].locked) continue;
    const auto widths = allowed_widths(p.graph.groups[g], options);
    const auto wider = std::upper_bound(widths.begin(), widths.end(), width_of(a, g));
    if (wider == widths.end()) continue;
    steps[g] = {static_cast<double>(width_of(a, g) + *wider) / 2 / static_cast<double>(p.graph.groups[g].channels), *wider};
    next = std::min(next, steps[g].first);
  }
  channel_mask mask = a.mask;
  for (const ranked_unit& unit : p.ranking) {
    const auto g = static_cast<std::size_t>(unit.group);
    if (steps[g].first > next * (1 + 1e-12)) continue;
    std::vector<std::size_t> places(unit.order.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    std::stable_sort(places.begin(), places.end(), [&](std::size_t i, std::size_t j) { return unit.scores[i] < unit.scores[j]; });
    const auto each = static_cast<std::size_t>(steps[g].second / p.graph.groups[g].blocks);
    for (std::size_t i = places.size() - each; i < places.size(); ++i) mask[g][static_cast<std::size_t>(unit.order[places[i]])] = 1;
  }
  return mask;
}

// The smallest fraction that the options can reach, by the error's own word.
double smallest_reachable(const problem& p, allocation_options options) {
  options.fraction = 1e-9;
  const std::string what = error_text<invalid_argument>([&] { p.run(options); });
  const std::string before = "smallest reachable is ";
  return std::stod(what.substr(what.find(before) + before.size()));
}

class on_random_networks : public testing::TestWithParam<unsigned> {};

TEST_P(on_random_networks, uniform) {
  const problem p(GetParam(), GetParam() % 2 == 1);
  for (const budget_kind kind : {budget_kind::flops, budget_kind::parameters})
    for (const int round_to : {8, 1}) {
      allocation_options options;
      options.budget = kind;
      options.round_to = round_to;
      const double least = smallest_reachable(p, options);
      double last = std::numeric_limits<double>::infinity();
      for (double fraction = 1; fraction >= least; fraction *= 0.83) {
        SCOPED_TRACE(text("fraction ", fraction, " round_to ", round_to));
        options.fraction = fraction;
        const allocation a = p.run(options);
        expect_valid(p.model, p.graph, a, options);
        expect_best_kept(p, a);
        const double cost = budget_of(a.after, kind);
        EXPECT_LE(cost, last) << "not monotone in the target";
        last = cost;
        const channel_mask wider = one_step_up(p, a, options);
        if (wider == a.mask)
          EXPECT_EQ(cost, budget_of(a.before, kind));
        else
          EXPECT_GT(budget_of(p.model.evaluate(wider), kind), fraction * budget_of(a.before, kind)) << "could have kept one step more";
      }
      options.fraction = least;  // the figure of the error is a target that works
      expect_valid(p.model, p.graph, p.run(options), options);
    }
}

TEST_P(on_random_networks, threshold) {
  for (const std::size_t layers : {1, 2}) {
    const problem p(GetParam(), GetParam() % 2 == 1, layers);
    allocation_options options;
    options.allocate = allocator::threshold;
    const double least = smallest_reachable(p, options);
    double last = std::numeric_limits<double>::infinity();
    for (double fraction = 1; fraction >= least; fraction *= 0.7) {
      SCOPED_TRACE(text("fraction ", fraction, " layers ", layers));
      options.fraction = fraction;
      const allocation a = p.run(options);
      expect_valid(p.model, p.graph, a, options);
      if (layers == 1) expect_best_kept(p, a);
      EXPECT_LE(a.after.flops, last);
      last = a.after.flops;
    }
  }
}

// Without rounding, floors and blocks the kept set is what scores above the pool's threshold, and its best removed channel is one too many.
TEST_P(on_random_networks, threshold_cuts_the_scores_of_one_pool) {
  problem p(GetParam(), true);
  if (std::any_of(p.graph.groups.begin(), p.graph.groups.end(), [](const channel_group& g) { return g.blocks > 1; })) return;
  for (ranked_unit& unit : p.ranking) unit.backbone = true;
  allocation_options options;
  options.allocate = allocator::threshold;
  options.round_to = 1;
  options.floor = 0;
  options.fraction = 0.6;
  const allocation a = p.run(options);
  std::vector<std::pair<double, channel_ref>> removed;
  double worst_kept = HUGE_VAL;
  for (const ranked_unit& unit : p.ranking)
    for (std::size_t t = 0; t < unit.order.size(); ++t) {
      const bool kept = a.mask[static_cast<std::size_t>(unit.group)][static_cast<std::size_t>(unit.order[t])] != 0;
      if (kept && width_of(a, static_cast<std::size_t>(unit.group)) > 1) worst_kept = std::min(worst_kept, unit.scores[t]);
      if (!kept) removed.push_back({unit.scores[t], {unit.group, unit.order[t]}});
    }
  ASSERT_FALSE(removed.empty());
  const auto best = *std::max_element(removed.begin(), removed.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  EXPECT_LT(best.first, worst_kept);
  channel_mask wider = a.mask;
  wider[static_cast<std::size_t>(best.second.group)][static_cast<std::size_t>(best.second.channel)] = 1;
  EXPECT_GT(p.model.evaluate(wider).flops, 0.6 * a.before.flops);
}

TEST_P(on_random_networks, percentile_scan) {
  for (const std::size_t layers : {1, 2}) {
    const problem p(GetParam(), true, layers);
    allocation_options options;
    options.allocate = allocator::threshold;
    options.percentile_scan = true;
    options.round_to = 1;
    const double least = smallest_reachable(p, options);
    for (const double fraction : {0.6, 0.3, 0.1}) {
      if (fraction < least) continue;
      SCOPED_TRACE(text("fraction ", fraction));
      options.fraction = fraction;
      const allocation a = p.run(options);
      EXPECT_LE(a.after.flops, fraction * a.before.flops);
      EXPECT_EQ(a.note.find("percentile "), 0u);
      const double percentile = std::stod(a.note.substr(11));
      EXPECT_NEAR(std::remainder(percentile - 0.5, 0.02), 0, 1e-6);
      for (std::size_t g = 0; g < a.mask.size(); ++g) EXPECT_GE(width_of(a, g), 1);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(seeds, on_random_networks, testing::Range(0U, 60U));

// Three dense layers of 100, 20 and 64 channels.
problem plain() {
  test::network_builder net;
  std::int32_t x = net.input({1, 3, 8, 8});
  for (const auto& [place, channels] : {std::pair<const char*, std::int64_t>{"stem", 100}, {"body.0", 20}, {"body.1", 64}})
    x = net.relu(std::string(place) + ".relu", net.conv(place, x, channels, {}));
  net.output(net.conv("head", x, 5, {}));
  problem p(0);
  p.network = net.build();
  p.graph = analyse_channels(p.network);
  p.model = cost_model(p.network, p.graph);
  p.ranking.clear();
  std::mt19937 random(1);
  for (std::int32_t g = 0; g < static_cast<std::int32_t>(p.graph.groups.size()); ++g) {
    const channel_group& group = p.graph.groups[static_cast<std::size_t>(g)];
    if (group.locked) continue;
    std::vector<std::int32_t> channels(static_cast<std::size_t>(group.channels));
    std::iota(channels.begin(), channels.end(), 0);
    p.ranking.push_back(random_unit(g, channels, random, false));
  }
  return p;
}

std::size_t index_of(const problem& p, const std::string& name) {
  for (std::size_t g = 0; g < p.graph.groups.size(); ++g)
    if (p.graph.groups[g].name == name) return g;
  ADD_FAILURE() << "no group " << name;
  return 0;
}

TEST(allocation, equal_scores_keep_the_order_of_elimination) {
  problem p = plain();
  for (ranked_unit& unit : p.ranking) std::fill(unit.scores.begin(), unit.scores.end(), -1.0);
  const allocation a = p.run({});
  for (const ranked_unit& unit : p.ranking) {
    const auto g = static_cast<std::size_t>(unit.group);
    const auto gone = static_cast<std::size_t>(p.graph.groups[g].channels - width_of(a, g));
    for (std::size_t t = 0; t < unit.order.size(); ++t) EXPECT_EQ(a.mask[g][static_cast<std::size_t>(unit.order[t])], t < gone ? 0 : 1);
  }
}

TEST(allocation, fraction_one_keeps_everything) {
  const problem p = plain();
  for (const bool scan : {false, true})
    for (const allocator how : {allocator::uniform, allocator::threshold}) {
      if (scan && how == allocator::uniform) continue;
      allocation_options options;
      options.fraction = 1;
      options.allocate = how;
      options.percentile_scan = scan;
      EXPECT_EQ(p.run(options).mask, full_mask(p.graph));
    }
}

TEST(allocation, keep_fixes_groups_outside_the_search) {
  const problem p = plain();
  allocation_options options;
  options.fraction = 0.6;
  options.keep = {{"body.*", 0.5}, {"stem", 1.0}, {"body.1", 0.7}};
  for (const allocator how : {allocator::uniform, allocator::threshold}) {
    options.allocate = how;
    options.fraction = 0.75;
    const allocation a = p.run(options);
    EXPECT_EQ(width_of(a, index_of(p, "stem")), 100);
    EXPECT_EQ(width_of(a, index_of(p, "body.0")), 10);
    EXPECT_EQ(width_of(a, index_of(p, "body.1")), 48);  // 44.8, and the last pattern counts
  }
  const std::string what = error_text<invalid_argument>([&] {
    options.fraction = 0.1;
    p.run(options);
  });
  SIRFP_EXPECT_HAS(what, "is unreachable: the smallest reachable is");
  SIRFP_EXPECT_HAS(what, "2 of 5 groups are locked, 3 are set by keep");
}

TEST(allocation, bad_use_is_named) {
  const problem p = plain();
  const auto refused = [&](auto change) {
    allocation_options options;
    change(options);
    return error_text<invalid_argument>([&] { p.run(options); });
  };
  using options = allocation_options;
  SIRFP_EXPECT_HAS(refused([](options& o) { o.fraction = 40; }),
                   "FLOPs budget 40: expected the share that remains, in (0, 1]; did you mean 0.4?");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.fraction = 0; }), "FLOPs budget 0: expected the share that remains, in (0, 1]");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.fraction = -0.5, o.budget = budget_kind::parameters; }), "parameters budget -0.5");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.fraction = 101; }), "budget 101: expected the share that remains, in (0, 1]");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.fraction = std::nan(""); }), "budget nan");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.round_to = 0; }), "widths rounded to 0");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.floor = 1.5; }), "floor 1.5");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.percentile_scan = true; }), "percentile scan: goes with the threshold allocator only");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.keep = {{"bdy.0", 0.5}}; }), "keep bdy.0=0.5: no group has that name; nearest: body.0");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.keep = {{"stem", 1.5}}; }), "keep stem=1.5: expected a share in (0, 1]");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.keep = {{"head", 0.5}}; }), "keep head=0.5: group head is locked: ");
  SIRFP_EXPECT_HAS(refused([](options& o) { o.fraction = 1e-4; }), "FLOPs budget 0.0001 is unreachable: the smallest reachable is");
}

TEST(allocation, broken_rankings_are_named) {
  problem p = plain();
  p.ranking[0].order[3] = 100;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.run({}); }), "channel 100 of 100");
  p = plain();
  p.ranking[0].scores[0] = std::nan("");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.run({}); }), "is not finite");
  p = plain();
  p.ranking[1].order.pop_back();
  p.ranking[1].scores.pop_back();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.run({}); }), "is not in the ranking");
}

TEST(allocation, nothing_to_prune) {
  problem p = plain();
  for (channel_group& group : p.graph.groups) {
    if (!group.locked) group.lock_reason = "a test";
    group.locked = true;
  }
  p.ranking.clear();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { p.run({}); }), "network has no prunable group: all 5 are locked, stem by: a test");
}

}  // namespace
}  // namespace sirfp
