#include "sirfp/allocation.hpp"

#include "allocation_problem.hpp"

namespace sirfp {
namespace {

chosen_widths chosen_by(const allocation_problem& problem) {
  if (problem.options.percentile_scan) return scan_percentiles(problem);
  return problem.options.allocate == allocator::uniform ? allocate_uniform(problem) : allocate_threshold(problem);
}

}  // namespace

allocation allocate_widths(const cost_model& model, const channel_graph& graph, const std::vector<ranked_unit>& ranking,
                           const allocation_options& options) {
  const allocation_problem problem = make_problem(model, graph, ranking, options);
  chosen_widths chosen = chosen_by(problem);
  const network_cost after = model.evaluate(chosen.mask);
  return {std::move(chosen.mask), problem.dense, after, std::move(chosen.note)};
}

}  // namespace sirfp
