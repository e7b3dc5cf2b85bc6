// Removal curves (METHOD 4, 6): for each group, in which order its channels go and how the predicted error grows with every one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sirfp/channel_graph.hpp"
#include "sirfp/consumer_metric.hpp"
#include "sirfp/context.hpp"
#include "sirfp/ranking.hpp"
#include "sirfp/sensitivity.hpp"

namespace sirfp {

// Channels leave `order` from the front, `quantum` at a time (a group with blocks loses one channel of every block at once).
struct removal_curve {
  std::int32_t group = -1;
  std::int64_t quantum = 1;
  std::vector<std::int32_t> order;
  std::vector<double> costs;  // predicted increase of error at each removal, in order; >= 0
};

// A consumer site with its measured covariance and its consumers' metric, on the host or where the context computes.
struct joint_site {
  const consumer_site* site = nullptr;
  site_matrices matrices;
};

// Joint elimination of every unlocked group alone: the others' channels stay. A group that no site holds is not ranked.
std::vector<removal_curve> rank_joint(const context& ctx, const channel_graph& graph, std::span<const joint_site> sites,
                                      double lambda = 1e-3);

// The Schur cost of another criterion's own orders, so that curves of any criterion can be calibrated against measurements.
std::vector<removal_curve> cost_of_orders(const context& ctx, const channel_graph& graph, std::span<const joint_site> sites,
                                          std::span<const removal_curve> orders, double lambda = 1e-3);

// Curves as rankings, for the allocators and the plan: a unit a group or block, marginals = costs, scores = place in the order.
std::vector<ranked_unit> ranking_of(const channel_graph& graph, std::span<const removal_curve> curves);

// The sets to keep at given widths: one joint elimination over all groups, interleaved, so that sites with several groups see each other's
// removals (METHOD 6). Only how many channels `widths` keeps of each group (and block) counts; a channel that no site
// holds costs nothing and goes first.
channel_mask joint_sets(const context& ctx, const channel_graph& graph, std::span<const joint_site> sites, const channel_mask& widths,
                        double lambda = 1e-3);

// The full mask without the channels that are dead, duplicates of others or sums of others: those whose removal costs at most `limit` of
// tr(M Sigma) at each of their sites, all groups interleaved. Every group keeps a channel; groups with blocks stay whole. Expects
// covariances whose sums were kept in double precision.
channel_mask lossless_set(const context& ctx, const channel_graph& graph, std::span<const joint_site> sites, double lambda = 1e-12,
                          double limit = 1e-9);

// Cumulated curves E_g(t), t = 0 .. order.size(), in units of output error: c_g * r with r = measured / predicted at the points (clipped to
// 1e-3 .. 1e3 of all groups' median; where the prediction is below 1e-9 of the group's total, the nearest valid r), log r interpolated
// linearly in t between the points and constant beyond them, made monotone. A group without points gets the median ratio.
std::vector<std::vector<double>> calibrate_curves(std::span<const removal_curve> curves, std::span<const sensitivity_curve> measured);

}  // namespace sirfp
