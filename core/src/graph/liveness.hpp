// Which operators the network's output depends on, through values and through memory that in-place operators write.
#pragma once

#include <cstdint>
#include <vector>

#include "sirfp/op_list.hpp"

namespace sirfp::graph {

struct liveness {
  std::vector<std::uint8_t> live;    // per op
  std::vector<std::int32_t> memory;  // per value: the value whose memory it (perhaps) shares
  // In-place operators that write into memory which is later read under an older name: the value graph does not show that flow.
  std::vector<std::int32_t> traps;
};

liveness find_live(const op_list& network);

}  // namespace sirfp::graph
