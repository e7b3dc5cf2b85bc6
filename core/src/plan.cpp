#include "sirfp/plan.hpp"

#include "plan_rules.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

void expect_mask_of(const channel_graph& graph, const channel_mask& mask) {
  SIRFP_EXPECTS(mask.size() == graph.groups.size(), "mask of ", mask.size(), " groups, the channel graph has ", graph.groups.size());
  for (std::size_t g = 0; g < mask.size(); ++g)
    SIRFP_EXPECTS(static_cast<std::int64_t>(mask[g].size()) == graph.groups[g].channels, "mask of group ", graph.groups[g].name, ": ",
                  mask[g].size(), " channels, expected ", graph.groups[g].channels);
}

planned_group group_of(const channel_group& group, const std::vector<std::uint8_t>& mask) {
  planned_group planned;
  planned.name = group.name;
  planned.channels = group.channels;
  if (group.locked) planned.lock_reason = group.lock_reason.empty() ? "locked" : group.lock_reason;
  for (std::size_t c = 0; c < mask.size(); ++c)
    if (mask[c] != 0) planned.kept.push_back(static_cast<std::int32_t>(c));
  return planned;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

plan make_plan(const op_list& network, const channel_graph& graph, const std::vector<ranked_unit>& ranking, const allocation& widths) {
  expect_mask_of(graph, widths.mask);
  plan made;
  made.network = fingerprint_of(network);
  for (std::size_t g = 0; g < graph.groups.size(); ++g) made.groups.push_back(group_of(graph.groups[g], widths.mask[g]));
  for (const ranked_unit& unit : ranking) {
    planned_group& group = made.groups.at(static_cast<std::size_t>(unit.group));
    append(group.order, unit.order);
    append(group.marginals, unit.marginals);
    append(group.scores, unit.scores);
  }
  made.slices = slices_of(network, graph, widths.mask);
  made.literals = literals_of(network, graph, widths.mask);
  made.before = widths.before;
  made.after = widths.after;
  if (!network.inputs.empty()) made.input_shape = network.values.at(static_cast<std::size_t>(network.inputs.front())).shape;
  return made;
}

std::optional<double> predicted_error(const plan& p) {
  std::optional<double> sum;
  for (const planned_group& group : p.groups)
    if (group.predicted_error) sum = sum.value_or(0) + *group.predicted_error;
  return sum;
}

channel_mask mask_of(const plan& p, const channel_graph& graph) {
  SIRFP_EXPECTS(p.groups.size() == graph.groups.size(), "plan of ", p.groups.size(), " groups, the network has ", graph.groups.size());
  channel_mask mask(p.groups.size());
  for (std::size_t g = 0; g < mask.size(); ++g) {
    mask[g].assign(static_cast<std::size_t>(graph.groups[g].channels), 0);
    for (const std::int32_t c : p.groups[g].kept) {
      SIRFP_EXPECTS(c >= 0 && c < graph.groups[g].channels, "plan: group ", p.groups[g].name, ": kept channel ", c, " of ",
                    graph.groups[g].channels);
      mask[g][static_cast<std::size_t>(c)] = 1;
    }
  }
  return mask;
}

}  // namespace sirfp
