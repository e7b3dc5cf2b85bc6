#include "sirfp/curve_allocation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

// One group on its way down its curve.
struct lane {
  const removal_curve* curve = nullptr;
  const std::vector<double>* error = nullptr;
  std::int64_t channels = 0;
  std::int64_t removed = 0;
  std::int64_t floor = 1;
  std::int64_t multiple = 1;
  std::int64_t step = 1;

  // Removals after one more step; the same as `from` when the floor forbids it.
  std::int64_t next(std::int64_t from) const {
    const std::int64_t width = (channels - from - step) / multiple * multiple;
    return channels - from - step > 0 && width >= floor ? channels - width : from;
  }
};

lane make_lane(const removal_curve& curve, const std::vector<double>& error, const channel_group& group, const allocation_options& options) {
  lane made{&curve, &error, group.channels, 0, 1, curve.quantum, 1};
  SIRFP_EXPECTS(error.size() == curve.order.size() + 1, "group ", group.name, ": ", error.size(), " errors for ", curve.order.size(), " removals");
  const std::int64_t rounded = std::lcm<std::int64_t>(options.round_to, curve.quantum);
  if (group.channels >= 64 && rounded < group.channels) made.multiple = rounded;
  const auto least = static_cast<std::int64_t>(std::floor(options.floor * static_cast<double>(group.channels)));
  made.floor = std::max<std::int64_t>(1, least);
  made.floor = (made.floor + made.multiple - 1) / made.multiple * made.multiple;
  made.step = std::max(made.multiple, group.channels / 64);
  return made;
}

double budget_of(const network_cost& cost, budget_kind kind) { return kind == budget_kind::flops ? cost.flops : cost.parameters; }

class descent {
 public:
  descent(const cost_model& model, const channel_graph& graph, const allocation_options& options)
      : graph_(graph), options_(options), cursor_(model, full_mask(graph)) {}

  double cost() const { return budget_of(cursor_.cost(), options_.budget); }
  const cost_model::cursor& cursor() const { return cursor_; }

  void advance(lane& l, std::int64_t to) {
    for (; l.removed < to; ++l.removed) cursor_.remove(l.curve->group, l.curve->order[static_cast<std::size_t>(l.removed)]);
  }
  void retreat(lane& l, std::int64_t to) {
    for (; l.removed > to; --l.removed) cursor_.restore(l.curve->group, l.curve->order[static_cast<std::size_t>(l.removed - 1)]);
  }

  struct move {
    double rate = std::numeric_limits<double>::infinity();
    std::int64_t to = -1;
  };
  // The cheapest of the next 1, 2 and 4 steps of one group, in error per unit of budget.
  move best_move(lane& l) {
    const std::int64_t start = l.removed;
    const double before = cost();
    move best;
    for (int steps = 1; steps <= 4; ++steps) {
      const std::int64_t to = l.next(l.removed);
      if (to == l.removed) break;
      advance(l, to);
      if (steps == 3) continue;
      const double saved = before - cost();
      const double rise = (*l.error)[static_cast<std::size_t>(to)] - (*l.error)[static_cast<std::size_t>(start)];
      if (saved > 0 && rise / saved < best.rate) best = {rise / saved, to};
    }
    retreat(l, start);
    return best;
  }

  // Takes the cheapest move of all until the target is met; false when no group can give more.
  bool descend(std::vector<lane>& lanes, double target) {
    while (cost() > target) {
      lane* chosen = nullptr;
      move best;
      for (lane& l : lanes) {
        const move candidate = best_move(l);
        if (candidate.rate < best.rate) {
          best = candidate;
          chosen = &l;
        }
      }
      if (chosen == nullptr) return false;
      while (chosen->removed < best.to && cost() > target) advance(*chosen, chosen->next(chosen->removed));
    }
    return true;
  }

 private:
  const channel_graph& graph_;
  const allocation_options& options_;
  cost_model::cursor cursor_;
};

}  // namespace

allocation allocate_by_curves(const cost_model& model, const channel_graph& graph, std::span<const removal_curve> curves,
                              std::span<const std::vector<double>> errors, const allocation_options& options) {
  SIRFP_EXPECTS(curves.size() == errors.size(), curves.size(), " removal curves with ", errors.size(), " error curves");
  std::vector<lane> lanes;
  for (std::size_t i = 0; i < curves.size(); ++i)
    lanes.push_back(make_lane(curves[i], errors[i], graph.groups.at(static_cast<std::size_t>(curves[i].group)), options));
  descent search(model, graph, options);
  const network_cost before = search.cursor().cost();
  const double dense = budget_of(before, options.budget);
  const bool met = search.descend(lanes, options.fraction * dense);
  SIRFP_EXPECTS(met, "target ", options.fraction, " of the ", options.budget == budget_kind::flops ? "FLOPs" : "parameters",
                " cannot be reached: the smallest reachable is ", search.cost() / dense);
  return {search.cursor().mask(), before, search.cursor().cost(), text("error curves, ", lanes.size(), " groups")};
}

}  // namespace sirfp
