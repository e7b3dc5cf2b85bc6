// The channel graph: which channels must live and die together, who reads them, and which parameters carry them.
//
// Every dense producer makes fresh channels; an addition unites the channels that it adds, position by position (union-find); a
// concatenation appends, a split cuts, depthwise and element-wise operators pass through. One united set of channels is one *channel*
// here; the channels that share a producer form a *group*, pruned under one mask. A tensor's *layout* says which channel stands at each
// position of its channel axis; one channel may stand at several.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sirfp/op_list.hpp"

namespace sirfp {

struct channel_ref {
  std::int32_t group = -1;
  std::int32_t channel = -1;
  bool operator==(const channel_ref&) const = default;
};
using channel_layout = std::vector<channel_ref>;

struct channel_group {
  std::string name;  // the place of its first producer
  std::int64_t channels = 0;
  std::vector<std::string> producers;  // places of the operators that make its channels, in execution order
  bool locked = false;
  std::string lock_reason;  // operator, place and why; empty when not locked
  // A grouped convolution needs the same number kept in each of its blocks; block[c] in 0..blocks-1, all of equal size.
  std::int64_t blocks = 1;
  std::vector<std::int32_t> block;  // [channels]; empty when blocks == 1
};

// Where pairwise redundancy is observed (METHOD 1): the output of the normalisation that follows a convolution, else the convolution's.
struct observed_layer {
  std::string name;            // the place of the producing convolution or linear; unique ("#2" is appended to a repeated place)
  std::int32_t producer = -1;  // op index
  std::int32_t observed = -1;  // op index whose output is observed, as it leaves that op
  std::int32_t value = -1;
  std::int32_t axis = 1;
  channel_layout layout;
};

// A dense operator that reads a site.
struct consumer {
  std::int32_t op = -1;
  std::int32_t weight = -1;     // value id; the axes below are the weight's
  std::int32_t input_axis = 1;  // convolution and linear 1, transposed convolution 0
  std::int32_t bias = -1;       // value id, -1 if it has none
  std::int32_t norm = -1;       // op index of the BatchNorm that alone reads its output, -1 if there is none
  std::int64_t block = 0;       // convolution group that reads this site
  std::int64_t blocks = 1;      // convolution groups in all
};

// Where moments are observed (METHOD 4): a tensor read by dense consumers; positions first .. first + count of its channel axis (all of
// them but for grouped convolutions, which make one site per convolution group).
struct consumer_site {
  std::string name;  // the place of its first consumer, "/block" appended for grouped convolutions; unique
  std::int32_t value = -1;
  std::int32_t axis = 1;
  std::int64_t first = 0;
  channel_layout layout;  // [count]
  std::vector<consumer> consumers;
};

// Axis `axis` of parameter `value` follows `layout`. With blocks > 1 (grouped convolutions) the axis has extent layout.size() / blocks and
// rows (entries of the other axis) of block b, in equal contiguous parts, keep the positions of the b-th part of the layout.
struct parameter_axis {
  std::int32_t value = -1;
  std::int32_t axis = 0;
  std::int64_t blocks = 1;
  channel_layout layout;
};

// An integer literal of the graph that must follow the channels: its new value is factor * (number kept in layout).
struct extent_rule {
  std::int32_t op = -1;
  std::int32_t argument = -1;
  std::int32_t element = 0;
  std::int64_t factor = 1;
  channel_layout layout;
};

struct channel_graph {
  std::vector<channel_group> groups;
  std::vector<observed_layer> layers;
  std::vector<consumer_site> sites;
  std::vector<parameter_axis> parameters;
  std::vector<extent_rule> extents;
  std::vector<channel_layout> layouts;     // per value id of the op list; empty where the value has no known channel axis
  std::vector<std::int32_t> channel_axis;  // per value id; -1 where unknown
  std::vector<std::uint8_t> live;          // per op: 1 if the network's output depends on it
};

struct channel_graph_options {
  std::vector<std::string> lock;  // glob patterns (* and ?) over producer places; a group with a matching producer is locked
};

// Analyses a network. What a rule does not know it locks, with the operator's name and place; it never guesses. Throws invalid_argument
// if a lock pattern matches nothing (names the pattern and the nearest group).
channel_graph analyse_channels(const op_list& network, const channel_graph_options& options = {});

// kept[group][channel]: 1 kept, 0 removed.
using channel_mask = std::vector<std::vector<std::uint8_t>>;
channel_mask full_mask(const channel_graph& graph);
bool is_kept(channel_ref channel, const channel_mask& mask);  // what belongs to no group is
std::int64_t kept_count(const channel_layout& layout, const channel_mask& mask);

}  // namespace sirfp
