// Joint redundancy on a real network (METHOD 4, 6, 7): consumer metrics from its weights, sensitivity from partial forward passes, and the
// sequential refit.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sirfp/adapter/apply.hpp"
#include "sirfp/adapter/capture.hpp"
#include "sirfp/adapter/sweep.hpp"
#include "sirfp/channel_graph.hpp"
#include "sirfp/context.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/removal_curve.hpp"

namespace sirfp::adapter {

// Covariance and consumer metric of every site that has moments, where `ctx` computes; weights are read on the host. Waits for the
// device. Throws invalid_argument for a weight that is not finite (names it).
std::vector<joint_site> joint_sites(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph,
                                    const std::map<std::string, moments_state>& sites);

struct sensitivity_options {
  std::vector<double> points = {0.5, 0.25, 0.1};  // share of the width that stays
  double lambda = 1e-3;
  progress_listener progress = {};
};

// Cuts each curve's group alone to the given widths, with least-squares compensation, and measures what the network's output loses:
//   sum (y_cut - y)^2 / sum (y - mean y)^2     over all elements of all batches,
// y the output before a final interpolation, softmax or argmax. Partial forward passes: each starts at the group's first consumer.
std::vector<sensitivity_curve> measure_sensitivity(const context& ctx, const network& net, const captured_network& captured,
                                                   const channel_graph& graph, std::span<const removal_curve> curves,
                                                   const std::map<std::string, moments_state>& sites,
                                                   const std::vector<at::Tensor>& batches, const sensitivity_options& options);

struct refit_options {
  double lambda = 1e-3;
  bool by_taps = true;      // every tap of a convolution's window has a fit of its own; otherwise one prediction a site serves them all
  std::int64_t images = 0;  // how many will come: windows are then seen at a share of the pixels, enough for the fit; 0: at all of them
  sweep_options sweep = {};
};

// One layer-wise sweep (METHOD 7): d = a site in the original network, z = the same site in the one that is cut and refitted so far. For
// consumers of single pixels (linear layers, 1x1 and transposed convolutions)
//   A = E + (S_dz - E S_zz)(S_zz + lambda mean(diag S_zz) I)^-1,  b = m_d - A m_z,  W' = W A,  bias += sum_t W_t b,
// one A a site, E the selection of the kept positions. For a convolution whose window has several taps (by_taps), with Z = what all its
// taps see in the cut network, 0 in the padding, and y = what it gives in the original one,
//   W' = W_K + (S_yZ - W_K S_ZZ)(S_ZZ + lambda mean(diag S_ZZ) I)^-1,  bias += m_y - W' m_Z      (docs/decisions/0006).
// Returns full-size weights; removed columns are 0. Memory: see sweep_options, for both networks together. Throws invalid_argument if
// `images` has none.
compensated_weights refit(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph,
                          const channel_mask& mask, image_stream images, const refit_options& options);

}  // namespace sirfp::adapter
