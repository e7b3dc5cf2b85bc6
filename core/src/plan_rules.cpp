#include "plan_rules.hpp"

#include "sirfp/expects.hpp"

namespace sirfp {

std::vector<parameter_slice> slices_of(const op_list& network, const channel_graph& graph, const channel_mask& mask) {
  std::vector<parameter_slice> slices;
  for (const parameter_axis& axis : graph.parameters) {
    const auto positions = static_cast<std::int64_t>(axis.layout.size());
    const std::int64_t extent = positions / axis.blocks;
    parameter_slice slice{network.values.at(static_cast<std::size_t>(axis.value)).name, axis.axis, axis.blocks, {}};
    std::size_t in_first = 0;
    for (std::int64_t b = 0; b < axis.blocks; ++b) {
      const std::size_t before = slice.kept.size();
      for (std::int64_t p = 0; p < extent; ++p)
        if (is_kept(axis.layout[static_cast<std::size_t>(b * extent + p)], mask)) slice.kept.push_back(p);
      const std::size_t in_block = slice.kept.size() - before;
      if (b == 0) in_first = in_block;
      SIRFP_EXPECTS(in_block == in_first, "parameter ", slice.parameter, ": block ", b, " keeps ", in_block, " channels, block 0 keeps ",
                    in_first, ": expected the same number in every block");
    }
    if (static_cast<std::int64_t>(slice.kept.size()) != positions) slices.push_back(std::move(slice));
  }
  return slices;
}

std::vector<literal_edit> literals_of(const op_list& network, const channel_graph& graph, const channel_mask& mask) {
  std::vector<literal_edit> edits;
  for (const extent_rule& rule : graph.extents) {
    const op& where = network.ops.at(static_cast<std::size_t>(rule.op));
    literal_edit edit{rule.op, text(where.name, "@", where.place), rule.argument, rule.element, 0, 0};
    edit.from = rule.factor * static_cast<std::int64_t>(rule.layout.size());
    for (const channel_ref& at : rule.layout) edit.to += is_kept(at, mask) ? rule.factor : 0;
    if (edit.from != edit.to) edits.push_back(std::move(edit));
  }
  return edits;
}

}  // namespace sirfp
