#include "schur_schedule.hpp"

namespace sirfp {

schur_schedule::schur_schedule(std::int64_t channels, const schur_options& options)
    : cost_limit_(options.cost_limit),
      forced_out_(options.forced_out.begin(), options.forced_out.end()),
      fixed_(static_cast<std::size_t>(channels), 0) {
  for (const std::int32_t c : options.forced_in) fixed_[static_cast<std::size_t>(c)] = 1;
  for (const schur_quota& quota : options.quotas)
    turns_.push_back({quota.first, std::int64_t{quota.first} + quota.channels, quota.remove, quota.remove, false});
  if (turns_.empty()) turns_.push_back({0, channels, channels - options.stop_at, channels - options.stop_at, false});
}

std::int32_t schur_schedule::next(std::span<const double> cost, std::span<const double> relative) {
  std::int32_t chosen = -1;
  if (forced_done_ < forced_out_.size()) {
    chosen = forced_out_[forced_done_++];
    for (turn& group : turns_)
      if (chosen >= group.first && chosen < group.last) --group.left;
  }
  while (chosen < 0) {
    turn* group = largest_share_left();
    if (group == nullptr) return -1;
    chosen = cheapest(*group, cost, relative);
    if (chosen < 0) group->exhausted = true;
    --group->left;
  }
  fixed_[static_cast<std::size_t>(chosen)] = 1;
  return chosen;
}

schur_schedule::turn* schur_schedule::largest_share_left() {
  turn* best = nullptr;
  for (turn& group : turns_)
    if (!group.exhausted && group.left > 0 && (best == nullptr || group.left * best->all > best->left * group.all)) best = &group;
  return best;
}

std::int32_t schur_schedule::cheapest(const turn& group, std::span<const double> cost, std::span<const double> relative) const {
  std::int64_t best = -1;
  for (std::int64_t c = group.first; c < group.last; ++c) {
    const auto at = static_cast<std::size_t>(c);
    if (fixed_[at] != 0 || (cost_limit_ >= 0 && !(relative[at] <= cost_limit_))) continue;
    if (best < 0 || cost[at] < cost[static_cast<std::size_t>(best)]) best = c;
  }
  return static_cast<std::int32_t>(best);
}

}  // namespace sirfp
