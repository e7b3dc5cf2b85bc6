#include "schur_schedule.hpp"

namespace sirfp {

std::vector<schur_turn> schur_turns(std::int64_t channels, const schur_options& options) {
  std::vector<schur_turn> turns;
  for (const schur_quota& quota : options.quotas)
    turns.push_back({quota.first, std::int64_t{quota.first} + quota.channels, quota.remove, quota.remove});
  if (turns.empty()) turns.push_back({0, channels, channels - options.stop_at, channels - options.stop_at});
  return turns;
}

schur_schedule::schur_schedule(std::int64_t channels, const schur_options& options)
    : cost_limit_(options.cost_limit),
      forced_out_(options.forced_out.begin(), options.forced_out.end()),
      fixed_(static_cast<std::size_t>(channels), 0),
      turns_(schur_turns(channels, options)) {
  for (const std::int32_t c : options.forced_in) fixed_[static_cast<std::size_t>(c)] = 1;
}

std::int32_t schur_schedule::next(std::span<const double> cost, std::span<const double> relative) {
  std::int32_t chosen = -1;
  if (forced_done_ < forced_out_.size()) {
    chosen = forced_out_[forced_done_++];
    for (schur_turn& group : turns_)
      if (chosen >= group.first && chosen < group.last) --group.left;
  }
  while (chosen < 0) {
    schur_turn* group = largest_share_left();
    if (group == nullptr) return -1;
    chosen = cheapest(*group, cost, relative);
    group->left = chosen < 0 ? 0 : group->left - 1;  // a group in which nothing may go has had its last turn
  }
  fixed_[static_cast<std::size_t>(chosen)] = 1;
  return chosen;
}

schur_turn* schur_schedule::largest_share_left() {
  schur_turn* best = nullptr;
  for (schur_turn& group : turns_)
    if (group.left > 0 && (best == nullptr || group.comes_before(*best))) best = &group;
  return best;
}

std::int32_t schur_schedule::cheapest(const schur_turn& group, std::span<const double> cost, std::span<const double> relative) const {
  std::int64_t best = -1;
  for (std::int64_t c = group.first; c < group.last; ++c) {
    const auto at = static_cast<std::size_t>(c);
    if (fixed_[at] != 0 || !is_below_limit(relative[at], cost_limit_)) continue;
    if (best < 0 || cost[at] < cost[static_cast<std::size_t>(best)]) best = c;
  }
  return static_cast<std::int32_t>(best);
}

}  // namespace sirfp
