#include "channel_choice.hpp"

#include <algorithm>
#include <memory>
#include <random>

#include "interrupt.hpp"
#include "sirfp/adapter/importance.hpp"
#include "sirfp/adapter/joint.hpp"
#include "sirfp/curve_allocation.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/nearest.hpp"

namespace sirfp::cli {
namespace {

using adapter::weight_criterion;

std::vector<std::vector<double>> random_scores(const channel_graph& graph, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<double>> all;
  for (const channel_group& group : graph.groups)
    for (auto& scores = all.emplace_back(); static_cast<std::int64_t>(scores.size()) < group.channels;)
      scores.push_back(static_cast<double>(random() >> 11));  // 53 bits
  return all;
}

// --scores: every group that may be cut must be there, with as many scores as it has channels.
std::vector<std::vector<double>> given_scores(const channel_graph& graph, const selection& chosen) {
  const std::string& path = chosen.scores_file;
  std::map<std::string, std::vector<double>> read = chosen.scores;
  std::vector<std::vector<double>> all;
  std::vector<std::string> names;
  for (const channel_group& group : graph.groups) {
    names.push_back(group.name);
    const auto found = read.find(group.name);
    SIRFP_EXPECTS(found != read.end() || group.locked, path, ": no scores of group ", group.name, "; expected ", group.channels);
    SIRFP_EXPECTS(found == read.end() || static_cast<std::int64_t>(found->second.size()) == group.channels, path, ": group ", group.name,
                  ": ", found == read.end() ? 0 : found->second.size(), " scores, expected ", group.channels);
    all.push_back(found == read.end() ? std::vector<double>(static_cast<std::size_t>(group.channels), 0.0) : std::move(found->second));
    if (found != read.end()) read.erase(found);
  }
  SIRFP_EXPECTS(read.empty(), path, ": scores of ", read.begin()->first,
                ", which is no group; nearest: ", nearest(read.begin()->first, names));
  return all;
}

std::vector<ranked_unit> rank(const session& opened, const calibration_state& state, const selection& chosen) {
  const auto by_weights = [&](weight_criterion how) {
    return rank_by_scores(opened.graph, adapter::weight_scores(opened.net, opened.captured, opened.graph, how));
  };
  switch (chosen.by) {
    case criterion::l1:
      return by_weights(weight_criterion::l1);
    case criterion::batch_norm:
      return by_weights(weight_criterion::batch_norm);
    case criterion::fpgm:
      return by_weights(weight_criterion::fpgm);
    case criterion::random:
      return rank_by_scores(opened.graph, random_scores(opened.graph, chosen.seed));
    case criterion::given:
      return rank_by_scores(opened.graph, given_scores(opened.graph, chosen));
    case criterion::pairwise:
    case criterion::joint:  // ranked by its curves
      break;
  }
  return rank_pairwise(opened.context, opened.captured.ops, opened.graph, state, chosen.ranking);
}

// The orders of a ranking as curves whose costs are still to be found; a group of several units has no order of its own.
std::vector<removal_curve> orders_of(const session& opened, const std::vector<ranked_unit>& ranking) {
  std::vector<removal_curve> orders;
  for (std::size_t g = 0; g < opened.graph.groups.size(); ++g) {
    const channel_group& group = opened.graph.groups[g];
    std::vector<const ranked_unit*> units;
    for (const ranked_unit& unit : ranking)
      if (unit.group == static_cast<std::int32_t>(g)) units.push_back(&unit);
    if (units.empty()) continue;
    SIRFP_EXPECTS(static_cast<std::int64_t>(units.size()) == group.blocks, "--allocate measured: group ", group.name,
                  " is ranked layer by layer, expected one order (it does not go with --preset paper)");
    removal_curve order{static_cast<std::int32_t>(g), group.blocks, {}, {}};
    for (std::size_t turn = 0; turn < units.front()->order.size(); ++turn)
      for (const ranked_unit* unit : units) order.order.push_back(unit->order[turn]);
    orders.push_back(std::move(order));
  }
  return orders;
}

std::vector<std::vector<double>> cumulated(const std::vector<removal_curve>& curves) {
  std::vector<std::vector<double>> totals;
  for (const removal_curve& curve : curves) {
    auto& total = totals.emplace_back(1, 0.0);
    for (const double cost : curve.costs) total.push_back(total.back() + cost);
  }
  return totals;
}

// A criterion's orders with what they cost the consumers; `sites` are what that was computed from.
struct study {
  std::vector<joint_site> sites;
  std::vector<removal_curve> curves;
  std::vector<ranked_unit> ranking;
};

study study_of(const session& opened, const calibration_state& state, const selection& chosen) {
  study made;
  made.sites = adapter::joint_sites(opened.context, opened.net, opened.captured, opened.graph, state.sites);
  if (chosen.by == criterion::joint) {
    made.curves = rank_joint(opened.context, opened.graph, made.sites);
    made.ranking = ranking_of(opened.graph, made.curves);
  } else {
    made.ranking = rank(opened, state, chosen);
    made.curves = cost_of_orders(opened.context, opened.graph, made.sites, orders_of(opened, made.ranking));
  }
  check_interrupt();
  return made;
}

// Orders of different seeds or files are different criteria. (A given one is never kept in a file: only `observe` writes states.)
// Neither is what another output of the network loses.
std::string key_of(const session& opened, const selection& chosen) {
  const std::string output = opened.captured.ops.outputs.size() > 1 ? text("@", opened.net.output) : std::string();
  if (chosen.by == criterion::random) return text("random-", chosen.seed, output);
  return (chosen.by == criterion::given ? text("given ", chosen.scores_file) : name_of(chosen.by)) + output;
}

const sensitivity_record& sensitivity_of(const session& opened, calibration_state& state, const selection& chosen,
                                         const std::vector<removal_curve>& curves, const batch_source& sample, progress_style style) {
  const std::string key = key_of(opened, chosen);
  if (const auto known = state.sensitivity.find(key); known != state.sensitivity.end()) return known->second;
  const std::vector<at::Tensor> batches = sample();
  adapter::sensitivity_options options;
  std::unique_ptr<progress> shown;
  options.progress = [&](std::int64_t, std::int64_t total) {
    check_interrupt();
    if (!shown) shown = std::make_unique<progress>(style, "measuring sensitivity", total, "partial passes");
    shown->advance(1);
  };
  sensitivity_record record;
  for (const at::Tensor& batch : batches) record.images += batch.size(0);
  for (sensitivity_curve& curve :
       adapter::measure_sensitivity(opened.context, opened.net, opened.captured, opened.graph, curves, state.sites, batches, options))
    record.groups[opened.graph.groups[static_cast<std::size_t>(curve.group)].name] = std::move(curve.points);
  return state.sensitivity.emplace(key, std::move(record)).first->second;
}

std::vector<sensitivity_curve> points_of(const channel_graph& graph, const sensitivity_record& record,
                                         const std::vector<removal_curve>& curves) {
  std::vector<sensitivity_curve> points;
  for (const removal_curve& curve : curves) {
    const channel_group& group = graph.groups[static_cast<std::size_t>(curve.group)];
    const auto found = record.groups.find(group.name);
    if (found == record.groups.end()) continue;
    SIRFP_EXPECTS(found->second.empty() || found->second.back().removed <= group.channels, "sensitivity of group ", group.name, ": ",
                  found->second.back().removed, " channels removed, expected at most ", group.channels);
    points.push_back({curve.group, found->second});
  }
  return points;
}

// What each group's removals alone cost the output.
std::map<std::int32_t, double> errors_at(const std::vector<removal_curve>& curves, const std::vector<std::vector<double>>& errors,
                                         const channel_mask& mask) {
  std::map<std::int32_t, double> found;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const auto& kept = mask.at(static_cast<std::size_t>(curves[i].group));
    found[curves[i].group] = errors[i].at(static_cast<std::size_t>(std::count(kept.begin(), kept.end(), std::uint8_t{0})));
  }
  return found;
}

}  // namespace

void expect_scores_of(const session& opened, const selection& chosen) {
  if (chosen.by == criterion::given) given_scores(opened.graph, chosen);
}

void measure_sensitivity(const session& opened, calibration_state& state, const selection& chosen, const batch_source& sample,
                         progress_style style) {
  if (state.sensitivity.contains(key_of(opened, chosen))) return;
  sensitivity_of(opened, state, chosen, study_of(opened, state, chosen).curves, sample, style);
}

channel_choice choose_channels(const session& opened, calibration_state& state, const selection& chosen, const batch_source& sample,
                               progress_style style) {
  const cost_model model(opened.captured.ops, opened.graph);
  const bool by_curves = chosen.widths == width_rule::joint || chosen.widths == width_rule::measured;
  if (chosen.by != criterion::joint && !by_curves) {
    std::vector<ranked_unit> ranking = rank(opened, state, chosen);
    check_interrupt();
    allocation widths = allocate_widths(model, opened.graph, ranking, chosen.allocation);
    return {std::move(ranking), std::move(widths), {}};
  }
  study made = study_of(opened, state, chosen);
  allocation widths;
  std::map<std::int32_t, double> predicted;
  if (chosen.lossless) {
    const channel_mask mask = lossless_set(opened.context, opened.graph, made.sites);
    const channel_mask full = full_mask(opened.graph);
    return {std::move(made.ranking), {mask, model.evaluate(full), model.evaluate(mask), "what costs nothing"}, {}};
  }
  if (chosen.widths == width_rule::measured) {
    const sensitivity_record& record = sensitivity_of(opened, state, chosen, made.curves, sample, style);
    const auto errors = calibrate_curves(made.curves, points_of(opened.graph, record, made.curves));
    widths = allocate_by_curves(model, opened.graph, made.curves, errors, chosen.allocation);
    predicted = errors_at(made.curves, errors, widths.mask);
  } else if (chosen.widths == width_rule::joint) {
    widths = allocate_by_curves(model, opened.graph, made.curves, cumulated(made.curves), chosen.allocation);
  } else {
    widths = allocate_widths(model, opened.graph, made.ranking, chosen.allocation);
  }
  if (chosen.by == criterion::joint) {
    widths.mask = joint_sets(opened.context, opened.graph, made.sites, widths.mask);
    widths.after = model.evaluate(widths.mask);
  }
  return {std::move(made.ranking), std::move(widths), std::move(predicted)};
}

}  // namespace sirfp::cli
