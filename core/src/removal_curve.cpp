#include "sirfp/removal_curve.hpp"

#include <algorithm>

#include "sirfp/expects.hpp"
#include "sirfp/schur_elimination.hpp"

namespace sirfp {
namespace {

// Sites as the elimination takes them, with the arrays that schur_site only points to: those that hold a channel with a number.
class numbered_sites {
 public:
  template <class Number>  // channel_ref -> number, -1 for what stays
  numbered_sites(std::span<const joint_site> sites, const Number& number) {
    for (const joint_site& site : sites) {
      std::vector<std::int32_t> channels;
      for (const channel_ref c : site.site->layout) channels.push_back(number(c));
      if (std::all_of(channels.begin(), channels.end(), [](std::int32_t c) { return c < 0; })) continue;
      const auto n = static_cast<std::int64_t>(channels.size());
      const site_matrices& of = site.matrices;
      SIRFP_EXPECTS(of.covariance.size() == n * n && of.metric.size() == n * n && of.covariance.space() == of.metric.space(), "site ",
                    site.site->name, ": ", n, " positions with ", of.covariance.size(), " covariances and ", of.metric.size(),
                    " metric entries, expected ", n * n, " of both in one memory");
      matrices_.push_back(&of);
      channels_.push_back(std::move(channels));
    }
  }
  bool empty() const { return channels_.empty(); }
  std::vector<schur_site> views() const {
    std::vector<schur_site> all;
    for (std::size_t s = 0; s < channels_.size(); ++s)
      all.push_back({static_cast<std::int64_t>(channels_[s].size()), matrices_[s]->covariance.data(), matrices_[s]->metric.data(),
                     channels_[s], matrices_[s]->covariance.space()});
    return all;
  }

 private:
  std::vector<const site_matrices*> matrices_;
  std::vector<std::vector<std::int32_t>> channels_;
};

numbered_sites sites_of_group(std::int32_t group, std::span<const joint_site> sites) {
  return {sites, [group](channel_ref c) { return c.group == group ? c.channel : -1; }};
}

removal_curve eliminated(const context& ctx, std::int32_t group, std::int64_t channels, const numbered_sites& sites,
                         const schur_options& options) {
  const std::vector<schur_site> views = sites.views();
  schur_elimination result = eliminate_joint(ctx, channels, views, options);
  return {group, 1, std::move(result.order), std::move(result.costs)};
}

// One channel of every block in turn, each block in its own order; what a removal costs stays with its channel.
removal_curve in_block_rounds(const removal_curve& free_order, const channel_group& group) {
  const auto blocks = static_cast<std::size_t>(group.blocks);
  std::vector<std::vector<std::size_t>> places(blocks);
  for (std::size_t t = 0; t < free_order.order.size(); ++t)
    places[static_cast<std::size_t>(group.block[static_cast<std::size_t>(free_order.order[t])])].push_back(t);
  removal_curve rounds{free_order.group, group.blocks, {}, {}};
  for (std::size_t turn = 0; turn < places.front().size(); ++turn)
    for (const auto& block : places) {
      rounds.order.push_back(free_order.order[block[turn]]);
      rounds.costs.push_back(free_order.costs[block[turn]]);
    }
  return rounds;
}

}  // namespace

std::vector<removal_curve> rank_joint(const context& ctx, const channel_graph& graph, std::span<const joint_site> sites, double lambda) {
  std::vector<removal_curve> curves;
  for (std::size_t g = 0; g < graph.groups.size(); ++g) {
    const channel_group& group = graph.groups[g];
    if (group.locked) continue;
    const numbered_sites held = sites_of_group(static_cast<std::int32_t>(g), sites);
    if (held.empty()) continue;
    removal_curve curve = eliminated(ctx, static_cast<std::int32_t>(g), group.channels, held, {.lambda = lambda});
    curves.push_back(group.blocks > 1 ? in_block_rounds(curve, group) : std::move(curve));
  }
  return curves;
}

std::vector<ranked_unit> ranking_of(const channel_graph& graph, std::span<const removal_curve> curves) {
  std::vector<ranked_unit> units;
  for (const removal_curve& curve : curves) {
    const channel_group& group = graph.groups.at(static_cast<std::size_t>(curve.group));
    const std::size_t first = units.size();
    for (std::int64_t b = 0; b < group.blocks; ++b) {
      units.push_back({});
      units.back().group = curve.group;
      units.back().name = group.blocks == 1 ? group.name : text(group.name, "/", b);
    }
    for (std::size_t t = 0; t < curve.order.size(); ++t) {
      const auto channel = static_cast<std::size_t>(curve.order[t]);
      ranked_unit& unit = units[first + (group.blocks == 1 ? 0 : static_cast<std::size_t>(group.block[channel]))];
      unit.scores.push_back(static_cast<double>(unit.order.size()));
      unit.order.push_back(curve.order[t]);
      unit.marginals.push_back(curve.costs[t]);
    }
  }
  return units;
}

std::vector<removal_curve> cost_of_orders(const context& ctx, const channel_graph& graph, std::span<const joint_site> sites,
                                          std::span<const removal_curve> orders, double lambda) {
  std::vector<removal_curve> curves;
  for (const removal_curve& given : orders) {
    const numbered_sites held = sites_of_group(given.group, sites);
    if (held.empty()) continue;
    const std::int64_t channels = graph.groups.at(static_cast<std::size_t>(given.group)).channels;
    curves.push_back(eliminated(ctx, given.group, channels, held, {.lambda = lambda, .forced_out = given.order}));
    curves.back().quantum = given.quantum;
  }
  return curves;
}

namespace {

// Channels of all groups under one numbering, those of one block (of one group) next to each other.
struct numbering {
  std::vector<std::vector<std::int32_t>> number;  // [group][channel]
  std::vector<schur_quota> quotas;                // by block
  std::int32_t total = 0;
};

numbering number_blocks(const channel_graph& graph, const channel_mask& widths) {
  numbering made;
  for (std::size_t g = 0; g < graph.groups.size(); ++g) {
    const channel_group& group = graph.groups[g];
    made.number.emplace_back(static_cast<std::size_t>(group.channels), -1);
    if (group.locked) continue;
    for (std::int64_t b = 0; b < group.blocks; ++b) {
      schur_quota quota{made.total, 0, 0};
      for (std::size_t c = 0; c < static_cast<std::size_t>(group.channels); ++c) {
        if (group.blocks > 1 && group.block[c] != b) continue;
        made.number[g][c] = made.total++;
        ++quota.channels;
        if (widths[g][c] == 0) ++quota.remove;
      }
      made.quotas.push_back(quota);
    }
  }
  return made;
}

numbered_sites sites_of_all(const numbering& numbered, std::span<const joint_site> sites) {
  return {sites, [&](channel_ref c) {
            return c.group < 0 ? -1 : numbered.number[static_cast<std::size_t>(c.group)][static_cast<std::size_t>(c.channel)];
          }};
}

// `mask` with exactly the numbered channels of `removed` gone.
channel_mask without(channel_mask mask, const numbering& numbered, const std::vector<std::int32_t>& removed) {
  std::vector<std::uint8_t> gone(static_cast<std::size_t>(numbered.total), 0);
  for (const std::int32_t c : removed) gone[static_cast<std::size_t>(c)] = 1;
  for (std::size_t g = 0; g < mask.size(); ++g)
    for (std::size_t c = 0; c < mask[g].size(); ++c) {
      const std::int32_t number = numbered.number[g][c];
      if (number >= 0) mask[g][c] = gone[static_cast<std::size_t>(number)] == 0 ? 1 : 0;
    }
  return mask;
}

}  // namespace

channel_mask joint_sets(const context& ctx, const channel_graph& graph, std::span<const joint_site> sites, const channel_mask& widths,
                        double lambda) {
  const numbering numbered = number_blocks(graph, widths);
  const numbered_sites held = sites_of_all(numbered, sites);
  if (held.empty()) return widths;
  return without(widths, numbered, eliminate_joint(ctx, numbered.total, held.views(), {.lambda = lambda, .quotas = numbered.quotas}).order);
}

channel_mask lossless_set(const context& ctx, const channel_graph& graph, std::span<const joint_site> sites, double lambda, double limit) {
  channel_mask all_but_one = full_mask(graph);
  for (std::size_t g = 0; g < graph.groups.size(); ++g)
    if (!graph.groups[g].locked && graph.groups[g].blocks == 1)
      std::fill(all_but_one[g].begin() + 1, all_but_one[g].end(), std::uint8_t{0});
  const numbering numbered = number_blocks(graph, all_but_one);
  const numbered_sites held = sites_of_all(numbered, sites);
  if (held.empty()) return full_mask(graph);
  const schur_options options{.lambda = lambda, .cost_limit = limit, .quotas = numbered.quotas};
  return without(full_mask(graph), numbered, eliminate_joint(ctx, numbered.total, held.views(), options).order);
}

}  // namespace sirfp
