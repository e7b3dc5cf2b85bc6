// What groups owe to cuts: equal numbers in each block, at least one channel in each piece, computed extents that follow. A demand that
// cannot be expressed by equal blocks of a group locks it.
#pragma once

#include <vector>

#include "graph/analysis.hpp"

namespace sirfp::graph {

// Channels by number; what remains of the variables once they are united.
using channel_list = std::vector<std::int32_t>;

struct cut_demands {
  struct equal_parts {
    std::vector<channel_list> parts;  // disjoint, every channel in them equally often
    std::string reason;
  };
  struct survivors {
    channel_list any_of;
    std::string reason;
  };
  struct proportion {
    channel_list from, to;  // with repeats; the number kept in `to` must be |to| / |from| times that kept in `from`
    std::string reason;
  };
  std::vector<equal_parts> equal;
  std::vector<survivors> survive;
  std::vector<proportion> proportional;
};

struct group_members {
  channel_list channels;
  bool locked = false;
  std::string reason;
  std::int64_t blocks = 1;
  std::vector<std::int32_t> block;  // per member, empty when blocks == 1
};

// Finds blocks for every group that is not locked, or locks it. group_of: per channel.
void settle_blocks(const cut_demands& demands, const std::vector<std::int32_t>& group_of, std::vector<group_members>& groups);

}  // namespace sirfp::graph
