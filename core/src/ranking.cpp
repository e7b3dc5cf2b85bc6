#include "sirfp/ranking.hpp"

#include <algorithm>
#include <cmath>

#include "sirfp/backend.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/nearest.hpp"

namespace sirfp {
namespace {

bool is_backbone(const observed_layer& layer, const ranking_options& options) { return layer.name.starts_with(options.backbone); }

// A unit while its matrix is built: `channels` are the group's, ascending; row and column i of the matrix belong to channels[i].
struct open_unit {
  ranked_unit unit;
  std::vector<std::int32_t> channels;
  std::vector<std::int32_t> row_of;  // by channel of the group; -1: not in this unit
  buffer matrix;                     // [n x n], where the backend computes
  std::vector<double> edge_sum;      // over backbone layers and positions
  std::vector<std::int32_t> edge_count;
};

std::int64_t pixels_of(const op_list& network, const observed_layer& layer) {
  const auto& shape = network.values.at(static_cast<std::size_t>(layer.value)).shape;
  std::int64_t pixels = 1;
  for (std::size_t d = 1; d < shape.size(); ++d)
    if (static_cast<std::int32_t>(d) != layer.axis) pixels *= shape[d];
  return pixels;
}

// One layer's statistics as ranking reads them.
struct layer_statistics {
  const similarity_state* redundancy = nullptr;
  std::vector<double> edge;  // [C]; empty where the prior is 0
};

layer_statistics statistics_of(const observed_layer& layer, const calibration_state& state, const ranking_options& options) {
  const auto channels = static_cast<std::int64_t>(layer.layout.size());
  const auto found = state.layers.find(layer.name);
  SIRFP_EXPECTS(found != state.layers.end(), "layer ", layer.name, " is not in the calibration state: was it observed with this network?");
  SIRFP_EXPECTS(found->second.channels == channels, "layer ", layer.name, ": ", channels, " channels in the network, ",
                found->second.channels, " in the calibration state");
  layer_statistics statistics{&found->second, {}};
  if (options.edge_weight == 0 || !is_backbone(layer, options)) return statistics;
  const auto edge = state.edges.find(layer.name);
  SIRFP_EXPECTS(edge != state.edges.end(), "layer ", layer.name,
                ": no edge score in the calibration state: observe with it, or set its weight to 0");
  SIRFP_EXPECTS(edge->second.channels == channels, "layer ", layer.name, ": ", channels, " channels in the network, edge scores of ",
                edge->second.channels);
  statistics.edge = edge_score_sync(edge->second);
  return statistics;
}

// The layer's channels that stand for the unit's, by the unit's row.
row_positions positions_in(const observed_layer& layer, const open_unit& unit) {
  std::vector<std::vector<std::int32_t>> by_row(unit.channels.size());
  for (std::size_t p = 0; p < layer.layout.size(); ++p) {
    const channel_ref& at = layer.layout[p];
    if (at.group != unit.unit.group) continue;
    const std::int32_t row = unit.row_of[static_cast<std::size_t>(at.channel)];
    if (row >= 0) by_row[static_cast<std::size_t>(row)].push_back(static_cast<std::int32_t>(p));
  }
  row_positions rows{{0}, {}};
  for (const std::vector<std::int32_t>& channels : by_row) {
    rows.channels.insert(rows.channels.end(), channels.begin(), channels.end());
    rows.begin.push_back(static_cast<std::int32_t>(rows.channels.size()));
  }
  return rows;
}

void add_edges(const layer_statistics& statistics, const row_positions& rows, open_unit& into) {
  for (std::size_t row = 0; row < into.channels.size() && !statistics.edge.empty(); ++row)
    for (std::int32_t k = rows.begin[row]; k < rows.begin[row + 1]; ++k) {
      into.edge_sum[row] += statistics.edge[static_cast<std::size_t>(rows.channels[static_cast<std::size_t>(k)])];
      ++into.edge_count[row];
    }
}

void add_layer(const context& ctx, const op_list& network, const observed_layer& layer, const calibration_state& state,
               const ranking_options& options, const std::vector<std::size_t>& its_units, std::vector<open_unit>& units) {
  const layer_statistics statistics = statistics_of(layer, state, options);
  const similarity_state& seen = *statistics.redundancy;
  const bool elsewhere = !seen.matrix.lies_with(*ctx.memory);
  const similarity_state copy = elsewhere ? copied_sync(ctx, seen) : similarity_state();
  for (const std::size_t u : its_units) {
    const row_positions rows = positions_in(layer, units[u]);
    if (rows.channels.empty()) continue;
    units[u].unit.backbone = units[u].unit.backbone || is_backbone(layer, options);
    add_redundancy_sync(ctx, elsewhere ? copy : seen, rows, options.scale, pixels_of(network, layer), units[u].matrix);
    add_edges(statistics, rows, units[u]);
  }
}

// The channels that `member` accepts, one unit a block.
template <class Member>
void open_units(const context& ctx, const channel_graph& graph, std::int32_t group, const std::string& name, Member member,
                std::vector<open_unit>& units) {
  const channel_group& g = graph.groups[static_cast<std::size_t>(group)];
  for (std::int64_t b = 0; b < g.blocks; ++b) {
    open_unit unit;
    unit.unit.group = group;
    unit.unit.name = g.blocks == 1 ? name : text(name, "/", b);
    unit.row_of.assign(static_cast<std::size_t>(g.channels), -1);
    for (std::int32_t c = 0; c < g.channels; ++c) {
      if (!member(c) || (g.blocks > 1 && g.block[static_cast<std::size_t>(c)] != b)) continue;
      unit.row_of[static_cast<std::size_t>(c)] = static_cast<std::int32_t>(unit.channels.size());
      unit.channels.push_back(c);
    }
    const std::size_t n = unit.channels.size();
    if (n == 0) continue;
    unit.matrix = buffer(ctx.memory, static_cast<std::int64_t>(n * n));
    unit.edge_sum.assign(n, 0.0);
    unit.edge_count.assign(n, 0);
    units.push_back(std::move(unit));
  }
}

// By channel of the group: 1 where the layer has it.
std::vector<std::uint8_t> presence(const channel_graph& graph, std::int32_t group, const observed_layer& layer) {
  std::vector<std::uint8_t> present(static_cast<std::size_t>(graph.groups[static_cast<std::size_t>(group)].channels), 0);
  for (const channel_ref& at : layer.layout)
    if (at.group == group) present[static_cast<std::size_t>(at.channel)] = 1;
  return present;
}

bool has_channels_of(const observed_layer& layer, std::int32_t group) {
  return std::any_of(layer.layout.begin(), layer.layout.end(), [&](const channel_ref& at) { return at.group == group; });
}

void rank_units(const context& ctx, const ranking_options& options, std::vector<open_unit>& units) {
  std::vector<redundancy_matrix> matrices;
  for (open_unit& unit : units) {
    const auto n = static_cast<std::int64_t>(unit.channels.size());
    matrices.push_back({unit.matrix.data(), true, n, n});
  }
  std::vector<elimination> results = eliminate(ctx, matrices);
  for (std::size_t u = 0; u < units.size(); ++u) {
    open_unit& from = units[u];
    ranked_unit& unit = from.unit;
    unit.marginals = std::move(results[u].marginals);
    for (std::size_t t = 0; t < results[u].order.size(); ++t) {
      const auto row = static_cast<std::size_t>(results[u].order[t]);
      const double prior = from.edge_count[row] > 0 ? options.edge_weight * (from.edge_sum[row] / from.edge_count[row]) : 0;
      unit.order.push_back(from.channels[row]);
      unit.scores.push_back(prior - unit.marginals[t]);
    }
  }
}

void expect_known_prefix(const channel_graph& graph, const ranking_options& options) {
  std::vector<std::string> names;
  for (const observed_layer& layer : graph.layers) {
    if (is_backbone(layer, options)) return;
    names.push_back(layer.name.substr(0, layer.name.find('.')));
  }
  SIRFP_EXPECTS(options.backbone.empty(), "backbone prefix ", options.backbone,
                ": no observed layer starts so; nearest: ", nearest(options.backbone, names));
}

// Opens the units of one group and notes which units each layer adds to.
void open_group(const context& ctx, const channel_graph& graph, std::int32_t g, coupling coupled, std::vector<open_unit>& units,
                std::vector<std::vector<std::size_t>>& units_of_layer) {
  const std::string& name = graph.groups[static_cast<std::size_t>(g)].name;
  bool observed = false;
  std::size_t first = units.size();
  if (coupled == coupling::sum)
    open_units(
        ctx, graph, g, name, [](std::int32_t) { return true; }, units);
  for (std::size_t l = 0; l < graph.layers.size(); ++l) {
    const observed_layer& layer = graph.layers[l];
    if (!has_channels_of(layer, g)) continue;
    observed = true;
    if (coupled == coupling::mask_union) {
      first = units.size();
      const auto present = presence(graph, g, layer);
      open_units(
          ctx, graph, g, layer.name, [&](std::int32_t c) { return present[static_cast<std::size_t>(c)] != 0; }, units);
    }
    for (std::size_t u = first; u < units.size(); ++u) units_of_layer[l].push_back(u);
  }
  SIRFP_EXPECTS(observed, "group ", name, " has no observed layer, so its channels cannot be ranked: lock it (--lock)");
}

}  // namespace

std::vector<ranked_unit> rank_pairwise(const context& ctx, const op_list& network, const channel_graph& graph,
                                       const calibration_state& state, const ranking_options& options) {
  SIRFP_EXPECTS(std::isfinite(options.edge_weight) && options.edge_weight >= 0, "edge weight ", options.edge_weight,
                ": expected a finite number >= 0");
  expect_known_prefix(graph, options);
  std::vector<open_unit> units;
  std::vector<std::vector<std::size_t>> units_of_layer(graph.layers.size());
  for (std::size_t g = 0; g < graph.groups.size(); ++g)
    if (!graph.groups[g].locked) open_group(ctx, graph, static_cast<std::int32_t>(g), options.coupled, units, units_of_layer);
  for (std::size_t l = 0; l < graph.layers.size(); ++l) {
    if (units_of_layer[l].empty()) continue;
    add_layer(ctx, network, graph.layers[l], state, options, units_of_layer[l], units);
  }
  rank_units(ctx, options, units);
  std::vector<ranked_unit> ranking;
  ranking.reserve(units.size());
  for (open_unit& unit : units) ranking.push_back(std::move(unit.unit));
  return ranking;
}

}  // namespace sirfp
