// A channel graph of groups and consumer sites put together by hand, each site with its covariance and metric.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sirfp/channel_graph.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/removal_curve.hpp"
#include "support/joint_problem.hpp"

namespace sirfp::test {

class hand_made_graph {
 public:
  // Channels take turns in the blocks: 0, 1, ..., blocks - 1, 0, ...
  std::int32_t group(std::int64_t channels, std::int64_t blocks = 1) {
    channel_group made;
    made.name = text("group", graph.groups.size());
    made.channels = channels;
    made.producers = {made.name};
    made.blocks = blocks;
    for (std::int32_t c = 0; blocks > 1 && c < channels; ++c) made.block.push_back(static_cast<std::int32_t>(c % blocks));
    graph.groups.push_back(std::move(made));
    return static_cast<std::int32_t>(graph.groups.size()) - 1;
  }
  // Covariance and metric: row-major squares.
  void site(channel_layout layout, std::vector<double> covariance, std::vector<double> metric) {
    consumer_site made;
    made.name = text("site", graph.sites.size());
    made.layout = std::move(layout);
    graph.sites.push_back(std::move(made));
    covariances_.push_back(std::move(covariance));
    metrics_.push_back(std::move(metric));
  }
  std::vector<sirfp::joint_site> sites(const std::shared_ptr<memory_resource>& memory = host_memory()) const {
    std::vector<sirfp::joint_site> found;
    for (std::size_t s = 0; s < covariances_.size(); ++s)
      found.push_back({&graph.sites[s],
                       {static_cast<std::int64_t>(graph.sites[s].layout.size()), buffer::from_host(memory, covariances_[s]),
                        buffer::from_host(memory, metrics_[s])}});
    return found;
  }

  channel_graph graph;

 private:
  std::vector<std::vector<double>> covariances_, metrics_;
};

// Channels first ... first + count - 1 of a group, one after the other.
inline channel_layout channels_of(std::int32_t group, std::int32_t first, std::int32_t count) {
  channel_layout layout;
  for (std::int32_t c = first; c < first + count; ++c) layout.push_back({group, c});
  return layout;
}
inline channel_layout joined(channel_layout front, const channel_layout& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

// The channels of a joint problem dealt to groups of the given widths: the first to group 0, the next to group 1, ...
inline hand_made_graph dealt_to_groups(const joint_problem& problem, const std::vector<std::int64_t>& widths) {
  hand_made_graph made;
  channel_layout owner;
  for (const std::int64_t width : widths) {
    const std::int32_t group = made.group(width);
    owner = joined(owner, channels_of(group, 0, static_cast<std::int32_t>(width)));
  }
  for (const joint_site& site : problem.sites) {
    channel_layout layout;
    for (const std::int32_t c : site.channel) layout.push_back(c < 0 ? channel_ref{} : owner[static_cast<std::size_t>(c)]);
    made.site(std::move(layout), site.covariance, site.metric);
  }
  return made;
}

}  // namespace sirfp::test
