#include "gram_groups.hpp"

#include <algorithm>
#include <utility>

#include "gram_tuning.hpp"

namespace sirfp {
namespace {

struct open_group {
  std::vector<std::size_t> members;
  std::int64_t bytes = 0;
};

bool same_kernel(const device_gram_plan& a, const device_gram_plan& b) {
  return a.type == b.type && a.recipe == b.recipe && a.side == b.side;
}

}  // namespace

std::vector<std::vector<std::size_t>> group_grams(std::span<const device_gram_plan> plans) {
  std::vector<open_group> groups;
  for (std::size_t k = 0; k < plans.size(); ++k) {
    const device_gram_plan& plan = plans[k];
    const auto takes = [&](const open_group& group) {
      return same_kernel(plans[group.members.front()], plan) && group.members.size() < std::size_t{gram_tuning::sites_at_once} &&
             group.bytes + plan.workspace_bytes <= gram_tuning::workspace_bytes;
    };
    const bool alone = plan.recipe == gram_recipe::wgmma;
    auto found = alone ? groups.end() : std::find_if(groups.begin(), groups.end(), takes);
    if (found == groups.end()) found = groups.insert(groups.end(), open_group{});
    found->members.push_back(k);
    found->bytes += plan.workspace_bytes;
  }
  std::vector<std::vector<std::size_t>> members;
  members.reserve(groups.size());
  for (open_group& group : groups) members.push_back(std::move(group.members));
  return members;
}

}  // namespace sirfp
