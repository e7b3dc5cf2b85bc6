// One ratio for all groups: bisection over the finitely many ratios at which some width steps.
#include <algorithm>

#include "allocation_problem.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

channel_mask at_ratio(const allocation_problem& problem, double ratio) {
  channel_mask mask = problem.start();
  for (const prunable_group& group : problem.groups)
    if (group.fixed < 0) problem.keep_best(group, group.grid.at_ratio(ratio), mask);
  return mask;
}

}  // namespace

chosen_widths allocate_uniform(const allocation_problem& problem) {
  std::vector<double> ratios = {0};  // every group at its floor
  for (const prunable_group& group : problem.groups)
    if (group.fixed < 0) ratios.insert(ratios.end(), group.grid.ratios().begin(), group.grid.ratios().end());
  std::sort(ratios.begin(), ratios.end());
  ratios.erase(std::unique(ratios.begin(), ratios.end()), ratios.end());
  if (const channel_mask smallest = at_ratio(problem, 0); !problem.meets(smallest)) problem.throw_unreachable(smallest);
  std::size_t meets = 0, exceeds = ratios.size();  // ratios[exceeds] is beyond the target, or beyond the list
  while (exceeds - meets > 1) {
    const std::size_t middle = meets + (exceeds - meets) / 2;
    (problem.meets(at_ratio(problem, ratios[middle])) ? meets : exceeds) = middle;
  }
  // The last ratio means that nothing but overrides is removed.
  const double ratio = exceeds == ratios.size() ? 1.0 : ratios[meets];
  return {at_ratio(problem, ratio), text("ratio ", ratio)};
}

}  // namespace sirfp
