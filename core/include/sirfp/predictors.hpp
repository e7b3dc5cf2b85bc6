// Who speaks for a channel that is removed: what a plan's reader wants to know about the least squares behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sirfp/channel_graph.hpp"
#include "sirfp/moments.hpp"

namespace sirfp {

struct predictor {
  channel_ref channel;
  double weight = 0;  // its coefficient in the prediction of METHOD 7
};

struct predicted_channel {
  std::int32_t channel = -1;
  double explained = 0;       // a . cov(z_K, z_j) / var(z_j), the share of its variance; 1 for a channel that never varies
  std::vector<predictor> by;  // the kept channels that contribute most (|weight| times standard deviation), at most three
};

// The removed channels of a group that the kept ones of a site predict best, best first, ties lowest index; at most `count`. A channel at
// several positions counts at the first. One factorisation of the site's covariance, where `ctx` computes; vectors and no matrix cross to
// the host. Throws what predict_resident_sync throws.
std::vector<predicted_channel> best_predicted_sync(const context& ctx, const consumer_site& site, const moments_state& measured,
                                                   const channel_mask& mask, std::int32_t group, std::size_t count = 3,
                                                   double lambda = 1e-3);

// A channel whose values are the same at all pixels of all images wherever it is read, or at one of its readers only.
struct unvarying_channel {
  channel_ref channel;
  std::string varies_at;  // the first site where it does vary; empty if there is none
};

// Every channel that never varies at one site at least, by group and channel. `sites` by name; sites without moments are not looked at.
std::vector<unvarying_channel> unvarying_channels_sync(const context& ctx, const channel_graph& graph,
                                                       const std::map<std::string, moments_state>& sites);

}  // namespace sirfp
