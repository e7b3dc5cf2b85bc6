// Whether a plan belongs to a network and hangs together: plans are files, and files are edited.
#include <algorithm>

#include "plan_rules.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/plan.hpp"

namespace sirfp {
namespace {

std::string name_of(const parameter_slice& slice) { return text("slice of ", slice.parameter, " axis ", slice.axis); }
std::string name_of(const literal_edit& edit) {
  return text("literal of ", edit.place, " argument ", edit.argument, " element ", edit.element);
}

void check_kept(const planned_group& planned) {
  const std::string where = text("plan: group ", planned.name, ": ");
  SIRFP_EXPECTS(!planned.kept.empty(), where, "keeps no channel of ", planned.channels, ": expected at least one");
  for (std::size_t i = 0; i < planned.kept.size(); ++i) {
    const std::int32_t c = planned.kept[i];
    SIRFP_EXPECTS(c >= 0 && c < planned.channels, where, "kept channel ", c, " is out of range: expected 0..", planned.channels - 1);
    if (i == 0) continue;
    SIRFP_EXPECTS(c != planned.kept[i - 1], where, "kept channel ", c, " is repeated");
    SIRFP_EXPECTS(c > planned.kept[i - 1], where, "kept channels are not sorted: ", c, " after ", planned.kept[i - 1]);
  }
}

void check_order(const planned_group& planned) {
  const std::string where = text("plan: group ", planned.name, ": ");
  SIRFP_EXPECTS(planned.marginals.size() == planned.order.size() && planned.scores.size() == planned.order.size(), where,
                planned.order.size(), " channels in its order, ", planned.marginals.size(), " marginals, ", planned.scores.size(),
                " scores");
  for (const std::int32_t c : planned.order)
    SIRFP_EXPECTS(c >= 0 && c < planned.channels, where, "channel ", c, " in its order is out of range: expected 0..",
                  planned.channels - 1);
}

void check_blocks(const planned_group& planned, const channel_group& group) {
  if (group.blocks == 1) return;
  std::vector<std::int64_t> kept(static_cast<std::size_t>(group.blocks), 0);
  for (const std::int32_t c : planned.kept) ++kept[static_cast<std::size_t>(group.block[static_cast<std::size_t>(c)])];
  for (std::size_t b = 1; b < kept.size(); ++b)
    SIRFP_EXPECTS(kept[b] == kept[0], "plan: group ", planned.name, ": block ", b, " keeps ", kept[b], " channels, block 0 keeps ", kept[0],
                  ": expected the same number in every block");
}

void check_group(const planned_group& planned, const channel_group& group, std::size_t at) {
  SIRFP_EXPECTS(planned.name == group.name, "plan: group ", at, " is ", planned.name, ", the network's is ", group.name);
  SIRFP_EXPECTS(planned.channels == group.channels, "plan: group ", planned.name, ": ", planned.channels, " channels, the network's has ",
                group.channels);
  check_kept(planned);
  SIRFP_EXPECTS(!group.locked || static_cast<std::int64_t>(planned.kept.size()) == planned.channels, "plan: group ", planned.name,
                ": removes ", planned.channels - static_cast<std::int64_t>(planned.kept.size()), " channels of a locked group (",
                group.lock_reason, ")");
  check_order(planned);
  check_blocks(planned, group);
}

void check_slice(const parameter_slice& found, const parameter_slice& expected) {
  SIRFP_EXPECTS(found.parameter == expected.parameter && found.axis == expected.axis && found.blocks == expected.blocks,
                "plan: ", name_of(found), ", blocks ", found.blocks, ": the kept channels ask for ", name_of(expected), ", blocks ",
                expected.blocks);
  const auto [a, b] = std::mismatch(found.kept.begin(), found.kept.end(), expected.kept.begin(), expected.kept.end());
  if (a == found.kept.end() && b == expected.kept.end()) return;
  const auto shown = [](auto at, auto end) { return at == end ? std::string("nothing") : std::to_string(*at); };
  throw invalid_argument(text("plan: ", name_of(found), ": kept[", a - found.kept.begin(), "] is ", shown(a, found.kept.end()),
                              ", the kept channels ask for ", shown(b, expected.kept.end())));
}

void check_literal(const literal_edit& found, const literal_edit& expected) {
  SIRFP_EXPECTS(
      found.op == expected.op && found.place == expected.place && found.argument == expected.argument && found.element == expected.element,
      "plan: ", name_of(found), ": the kept channels ask for ", name_of(expected));
  SIRFP_EXPECTS(found.from == expected.from && found.to == expected.to, "plan: ", name_of(found), ": from ", found.from, " to ", found.to,
                ", the kept channels ask for ", expected.from, " to ", expected.to);
}

template <class T>
void check_list(const char* what, const std::vector<T>& found, const std::vector<T>& expected, void (*check)(const T&, const T&)) {
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) check(found[i], expected[i]);
  SIRFP_EXPECTS(found.size() >= expected.size(), "plan: ", name_of(expected[found.size()]), " is missing");
  SIRFP_EXPECTS(found.size() <= expected.size(), "plan: ", name_of(found[expected.size()]),
                " does not follow from the kept channels: ", what);
}

}  // namespace

void check_plan(const plan& p, const op_list& network, const channel_graph& graph, const network_fingerprint& fingerprint) {
  const auto difference = first_difference(fingerprint, p.network, "the plan");
  SIRFP_EXPECTS(!difference, "the plan is for another network: ", difference.value_or(""));
  SIRFP_EXPECTS(p.groups.size() == graph.groups.size(), "plan: ", p.groups.size(), " groups, the network has ", graph.groups.size());
  for (std::size_t g = 0; g < p.groups.size(); ++g) check_group(p.groups[g], graph.groups[g], g);
  const channel_mask mask = mask_of(p, graph);
  check_list("nothing is removed there", p.slices, slices_of(network, graph, mask), check_slice);
  check_list("nothing changes there", p.literals, literals_of(network, graph, mask), check_literal);
}

}  // namespace sirfp
