// Which channel a joint elimination removes next: forced ones first, then the cheapest of the group whose turn it is. The same for every
// backend.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirfp/schur_elimination.hpp"

namespace sirfp {

class schur_schedule {
 public:
  schur_schedule(std::int64_t channels, const schur_options& options);

  // The next channel, marked as removed; -1 when nothing more may go. cost[c] and relative[c] (largest over its sites) as of now.
  std::int32_t next(std::span<const double> cost, std::span<const double> relative);

 private:
  struct turn {
    std::int64_t first, last, left, all;
    bool exhausted;
  };
  turn* largest_share_left();
  std::int32_t cheapest(const turn& group, std::span<const double> cost, std::span<const double> relative) const;

  double cost_limit_;
  std::vector<std::int32_t> forced_out_;
  std::size_t forced_done_ = 0;
  std::vector<std::uint8_t> fixed_;  // removed already, or never to be removed
  std::vector<turn> turns_;
};

}  // namespace sirfp
