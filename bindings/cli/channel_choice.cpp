#include "channel_choice.hpp"

#include <memory>

#include "interrupt.hpp"
#include "sirfp/adapter/joint.hpp"
#include "sirfp/curve_allocation.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

bool by_curves(width_rule rule) { return rule == width_rule::joint || rule == width_rule::measured; }

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

std::vector<std::vector<double>> measured(const session& opened, const calibration_state& state, const std::vector<removal_curve>& curves,
                                          const std::vector<at::Tensor>& sample, progress_style style) {
  SIRFP_EXPECTS(!sample.empty(), "--allocate measured: needs images to run the network on: give --images DIR, or --allocate joint");
  adapter::sensitivity_options options;
  std::unique_ptr<progress> shown;
  options.progress = [&](std::int64_t, std::int64_t total) {
    check_interrupt();
    if (!shown) shown = std::make_unique<progress>(style, "measuring sensitivity", total, "partial passes");
    shown->advance(1);
  };
  const auto points = adapter::measure_sensitivity(opened.net, opened.captured, opened.graph, curves, state.sites, sample, options);
  return calibrate_curves(curves, points);
}

}  // namespace

channel_choice choose_channels(const session& opened, const calibration_state& state, const selection& chosen,
                               const std::vector<at::Tensor>& sample, progress_style style) {
  const cost_model model(opened.captured.ops, opened.graph);
  std::vector<ranked_unit> ranking;
  if (chosen.by == criterion::pairwise) {
    ranking = rank_pairwise(opened.context, opened.captured.ops, opened.graph, state, chosen.ranking);
    check_interrupt();
    if (!by_curves(chosen.widths)) {
      allocation widths = allocate_widths(model, opened.graph, ranking, chosen.allocation);
      return {std::move(ranking), std::move(widths)};
    }
  }
  const auto sites = adapter::joint_sites(opened.net, opened.captured, opened.graph, state.sites);
  const auto curves = chosen.by == criterion::joint ? rank_joint(opened.context, opened.graph, sites)
                                                    : cost_of_orders(opened.context, opened.graph, sites, orders_of(opened, ranking));
  check_interrupt();
  if (chosen.by == criterion::joint) ranking = ranking_of(opened.graph, curves);
  allocation widths;
  if (by_curves(chosen.widths)) {
    const auto errors = chosen.widths == width_rule::measured ? measured(opened, state, curves, sample, style) : cumulated(curves);
    widths = allocate_by_curves(model, opened.graph, curves, errors, chosen.allocation);
  } else {
    widths = allocate_widths(model, opened.graph, ranking, chosen.allocation);
  }
  if (chosen.by == criterion::joint) {
    widths.mask = joint_sets(opened.context, opened.graph, sites, widths.mask);
    widths.after = model.evaluate(widths.mask);
  }
  return {std::move(ranking), std::move(widths)};
}

}  // namespace sirfp::cli
