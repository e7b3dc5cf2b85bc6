#include "sirfp/ranking.hpp"

#include <algorithm>
#include <cmath>

#include "sirfp/elimination.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/nearest.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

bool is_backbone(const observed_layer& layer, const ranking_options& options) { return layer.name.starts_with(options.backbone); }

// A unit while its matrix is built: `channels` are the group's, ascending; row and column i of the matrix belong to channels[i].
struct open_unit {
  ranked_unit unit;
  std::vector<std::int32_t> channels;
  std::vector<std::int32_t> row_of;  // by channel of the group; -1: not in this unit
  std::vector<double> matrix;        // [n x n], lower triangle until it is ranked, so that both halves are the same sum
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
  std::vector<double> redundancy;  // packed, |R| in the wanted scale
  std::vector<double> edge;        // [C]; empty where the prior is 0
};

void apply_scale(const op_list& network, const observed_layer& layer, redundancy_scale scale, std::vector<double>& packed) {
  const auto channels = static_cast<std::int64_t>(layer.layout.size());
  if (scale == redundancy_scale::resolution_neutral) {
    const auto pixels = static_cast<double>(pixels_of(network, layer));
    for (double& value : packed) value *= pixels;
  }
  if (scale == redundancy_scale::cosine) {
    std::vector<double> norm(layer.layout.size());
    for (std::int64_t c = 0; c < channels; ++c)
      norm[static_cast<std::size_t>(c)] = std::sqrt(packed[static_cast<std::size_t>(packed_index(c, c))]);
    for (std::int64_t i = 0, at = 0; i < channels; ++i)
      for (std::int64_t j = 0; j <= i; ++j, ++at) {
        const double scale_ij = norm[static_cast<std::size_t>(i)] * norm[static_cast<std::size_t>(j)];
        double& value = packed[static_cast<std::size_t>(at)];
        value = scale_ij > 0 ? value / scale_ij : 0;  // a channel that is zero everywhere resembles nothing
      }
  }
}

layer_statistics statistics_of(const op_list& network, const observed_layer& layer, const calibration_state& state,
                               const ranking_options& options) {
  const auto channels = static_cast<std::int64_t>(layer.layout.size());
  const auto found = state.layers.find(layer.name);
  SIRFP_EXPECTS(found != state.layers.end(), "layer ", layer.name, " is not in the calibration state: was it observed with this network?");
  SIRFP_EXPECTS(found->second.channels == channels, "layer ", layer.name, ": ", channels, " channels in the network, ",
                found->second.channels, " in the calibration state");
  layer_statistics statistics{mean_redundancy_sync(found->second), {}};
  for (double& value : statistics.redundancy) value = std::fabs(value);
  apply_scale(network, layer, options.scale, statistics.redundancy);
  if (options.edge_weight == 0 || !is_backbone(layer, options)) return statistics;
  const auto edge = state.edges.find(layer.name);
  SIRFP_EXPECTS(edge != state.edges.end(), "layer ", layer.name,
                ": no edge score in the calibration state: observe with it, or set its weight to 0");
  SIRFP_EXPECTS(edge->second.channels == channels, "layer ", layer.name, ": ", channels, " channels in the network, edge scores of ",
                edge->second.channels);
  statistics.edge = edge_score_sync(edge->second);
  return statistics;
}

// |R| of every pair of positions that the unit has, into the pair of channels that stand there.
void add_layer(const observed_layer& layer, const layer_statistics& statistics, bool backbone, open_unit& into) {
  const std::size_t n = into.channels.size();
  std::vector<std::pair<std::int64_t, std::size_t>> rows;  // position, row
  for (std::size_t p = 0; p < layer.layout.size(); ++p) {
    const channel_ref& at = layer.layout[p];
    if (at.group != into.unit.group) continue;
    const std::int32_t row = into.row_of[static_cast<std::size_t>(at.channel)];
    if (row >= 0) rows.emplace_back(static_cast<std::int64_t>(p), static_cast<std::size_t>(row));
  }
  if (rows.empty()) return;
  into.unit.backbone = into.unit.backbone || backbone;
  for (const auto& [p, row] : rows)
    for (const auto& [q, column] : rows)
      if (row >= column) into.matrix[row * n + column] += statistics.redundancy[static_cast<std::size_t>(packed_index(p, q))];
  if (statistics.edge.empty()) return;
  for (const auto& [p, row] : rows) {
    into.edge_sum[row] += statistics.edge[static_cast<std::size_t>(p)];
    ++into.edge_count[row];
  }
}

// The channels that `member` accepts, one unit a block.
template <class Member>
void open_units(const channel_graph& graph, std::int32_t group, const std::string& name, Member member, std::vector<open_unit>& units) {
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
    unit.matrix.assign(n * n, 0.0);
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
    const std::size_t n = unit.channels.size();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < i; ++j) unit.matrix[j * n + i] = unit.matrix[i * n + j];
    matrices.push_back({unit.matrix.data(), true, static_cast<std::int64_t>(n), static_cast<std::int64_t>(n)});
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
void open_group(const channel_graph& graph, std::int32_t g, coupling coupled, std::vector<open_unit>& units,
                std::vector<std::vector<std::size_t>>& units_of_layer) {
  const std::string& name = graph.groups[static_cast<std::size_t>(g)].name;
  bool observed = false;
  std::size_t first = units.size();
  if (coupled == coupling::sum)
    open_units(
        graph, g, name, [](std::int32_t) { return true; }, units);
  for (std::size_t l = 0; l < graph.layers.size(); ++l) {
    const observed_layer& layer = graph.layers[l];
    if (!has_channels_of(layer, g)) continue;
    observed = true;
    if (coupled == coupling::mask_union) {
      first = units.size();
      const auto present = presence(graph, g, layer);
      open_units(
          graph, g, layer.name, [&](std::int32_t c) { return present[static_cast<std::size_t>(c)] != 0; }, units);
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
    if (!graph.groups[g].locked) open_group(graph, static_cast<std::int32_t>(g), options.coupled, units, units_of_layer);
  for (std::size_t l = 0; l < graph.layers.size(); ++l) {
    if (units_of_layer[l].empty()) continue;
    const layer_statistics statistics = statistics_of(network, graph.layers[l], state, options);
    for (const std::size_t u : units_of_layer[l]) add_layer(graph.layers[l], statistics, is_backbone(graph.layers[l], options), units[u]);
  }
  rank_units(ctx, options, units);
  std::vector<ranked_unit> ranking;
  ranking.reserve(units.size());
  for (open_unit& unit : units) ranking.push_back(std::move(unit.unit));
  return ranking;
}

}  // namespace sirfp
