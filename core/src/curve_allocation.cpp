#include "sirfp/curve_allocation.hpp"

#include <algorithm>
#include <limits>

#include "allocation_problem.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

// One group on its way down its curve, along the widths that its grid allows.
struct lane {
  const prunable_group* group = nullptr;
  const std::vector<double>* error = nullptr;
  std::size_t at = 0;    // index into the grid's widths
  std::size_t step = 1;  // grid places a step: max(multiple, C/64) channels

  std::size_t next() const { return at - std::min(step, at); }  // the last step may be shorter, down to the floor
  std::int64_t width(std::size_t place) const { return group->grid.widths()[place]; }
  double error_at(std::size_t place) const { return (*error)[static_cast<std::size_t>(group->channels - width(place))]; }
};

lane make_lane(const prunable_group& group, const std::vector<double>& error, const channel_graph& graph) {
  SIRFP_EXPECTS(static_cast<std::int64_t>(error.size()) == group.channels + 1, "group ",
                graph.groups[static_cast<std::size_t>(group.group)].name, ": error curve of ", error.size(), " entries for ",
                group.channels, " channels");
  const auto& widths = group.grid.widths();
  const std::int64_t multiple = widths.size() > 2 ? widths[1] - widths[0] : 1;
  const auto step = static_cast<std::size_t>((std::max(multiple, group.channels / 64) + multiple - 1) / multiple);
  return {&group, &error, widths.size() - 1, step};
}

class descent {
 public:
  explicit descent(const allocation_problem& problem) : problem_(problem), cursor_(problem.model, problem.start()) {}

  double cost() const { return problem_.options.budget == budget_kind::flops ? cursor_.cost().flops : cursor_.cost().parameters; }
  const channel_mask& mask() const { return cursor_.mask(); }

  void narrow(lane& l, std::size_t to) { change(l, to, true); }

  struct move {
    double rate = std::numeric_limits<double>::infinity();
    std::size_t to = 0;
  };
  // The cheapest of the next 1, 2 and 4 steps of one group, in error per unit of budget.
  move best_move(lane& l) {
    const std::size_t start = l.at;
    const double before = cost();
    move best;
    for (int steps = 1; steps <= 4 && l.at > 0; ++steps) {
      narrow(l, l.next());
      const double saved = before - cost();
      const double rate = (l.error_at(l.at) - l.error_at(start)) / saved;
      if (steps != 3 && saved > 0 && rate < best.rate) best = {rate, l.at};
    }
    change(l, start, false);
    return best;
  }

  // Takes the cheapest move of all until the target is met; false when no group can give more.
  bool descend(std::vector<lane>& lanes) {
    while (cost() > problem_.target) {
      lane* chosen = nullptr;
      move best;
      for (lane& l : lanes) {
        const move candidate = best_move(l);
        if (candidate.rate >= best.rate) continue;
        best = candidate;
        chosen = &l;
      }
      if (chosen == nullptr) return false;
      while (chosen->at > best.to && cost() > problem_.target) narrow(*chosen, chosen->next());
    }
    return true;
  }

 private:
  void change(lane& l, std::size_t to, bool remove) {
    const auto blocks = static_cast<std::int64_t>(l.group->by_score.size());
    const std::int64_t from_removed = (l.group->channels - l.width(l.at)) / blocks;
    const std::int64_t to_removed = (l.group->channels - l.width(to)) / blocks;
    for (const auto& block : l.group->by_score)
      for (std::int64_t i = std::min(from_removed, to_removed); i < std::max(from_removed, to_removed); ++i) {
        const std::int32_t channel = block[static_cast<std::size_t>(i)];
        if (remove)
          cursor_.remove(l.group->group, channel);
        else
          cursor_.restore(l.group->group, channel);
      }
    l.at = to;
  }

  const allocation_problem& problem_;
  cost_model::cursor cursor_;
};

}  // namespace

allocation allocate_by_curves(const cost_model& model, const channel_graph& graph, std::span<const removal_curve> curves,
                              std::span<const std::vector<double>> errors, const allocation_options& options) {
  SIRFP_EXPECTS(curves.size() == errors.size(), curves.size(), " removal curves with ", errors.size(), " error curves");
  const allocation_problem problem = make_problem(model, graph, ranking_of(graph, curves), options);
  std::vector<lane> lanes;
  for (const prunable_group& group : problem.groups) {
    const auto curve = std::find_if(curves.begin(), curves.end(), [&](const removal_curve& c) { return c.group == group.group; });
    if (group.fixed < 0) lanes.push_back(make_lane(group, errors[static_cast<std::size_t>(curve - curves.begin())], graph));
  }
  descent search(problem);
  if (!search.descend(lanes)) problem.throw_unreachable(search.mask());
  return {search.mask(), problem.dense, model.evaluate(search.mask()), text("error curves of ", lanes.size(), " groups")};
}

}  // namespace sirfp
