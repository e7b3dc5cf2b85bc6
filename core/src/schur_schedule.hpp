// Which channel a joint elimination removes next: forced ones first, then the cheapest of the group whose turn it is. On the host; the
// cuda backend's kernel asks the same questions (schur_turn.hpp) with all threads at once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "schur_turn.hpp"
#include "sirfp/schur_elimination.hpp"

namespace sirfp {

// The quotas, or the one turn of all channels.
std::vector<schur_turn> schur_turns(std::int64_t channels, const schur_options& options);

class schur_schedule {
 public:
  schur_schedule(std::int64_t channels, const schur_options& options);

  // The next channel, marked as removed; -1 when nothing more may go. cost[c] and relative[c] (largest over its sites) as of now.
  std::int32_t next(std::span<const double> cost, std::span<const double> relative);

 private:
  schur_turn* largest_share_left();
  std::int32_t cheapest(const schur_turn& group, std::span<const double> cost, std::span<const double> relative) const;

  double cost_limit_;
  std::vector<std::int32_t> forced_out_;
  std::size_t forced_done_ = 0;
  std::vector<std::uint8_t> fixed_;  // removed already, or never to be removed
  std::vector<schur_turn> turns_;
};

}  // namespace sirfp
