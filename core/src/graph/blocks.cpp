#include "graph/blocks.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace sirfp::graph {
namespace {

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

class settlement {
 public:
  settlement(const cut_demands& demands, const std::vector<std::int32_t>& group_of, std::vector<group_members>& groups)
      : demands_(demands), group_of_(group_of), groups_(groups), place_(group_of.size()) {
    for (const group_members& g : groups_) {
      for (std::size_t i = 0; i < g.channels.size(); ++i) place_[at(g.channels[i])] = static_cast<std::int32_t>(i);
    }
  }

  // A lock can undo what another demand relied on, so until nothing changes.
  void run() {
    do {
      changed_ = false;
      demand_survivors();
      for (std::size_t g = 0; g < groups_.size(); ++g) {
        if (!groups_[g].locked) partition(static_cast<std::int32_t>(g));
      }
      for (const cut_demands::proportion& p : demands_.proportional) check(p);
    } while (changed_);
  }

 private:
  group_members& group(std::int32_t channel) { return groups_[at(group_of_[at(channel)])]; }

  void lock(group_members& g, const std::string& reason) {
    if (g.locked) return;
    g.locked = changed_ = true;
    g.reason = reason;
    g.blocks = 1;
    g.block.clear();
  }

  // A tensor that holds only some channels of each of its groups has to find a whole block among them: cut the group where it holds most.
  void demand_survivors() {
    pieces_.assign(groups_.size(), {});
    for (const cut_demands::survivors& s : demands_.survive) {
      std::map<std::int32_t, channel_list> by_group;
      for (std::int32_t c : s.any_of) by_group[group_of_[at(c)]].push_back(c);
      const auto safe = [&](const auto& entry) {
        const group_members& g = groups_[at(entry.first)];
        return g.locked || entry.second.size() == g.channels.size();
      };
      if (by_group.empty() || std::any_of(by_group.begin(), by_group.end(), safe)) continue;
      const auto most =
          std::max_element(by_group.begin(), by_group.end(), [](auto& a, auto& b) { return a.second.size() < b.second.size(); });
      pieces_[at(most->first)].push_back({{most->second}, s.reason});
    }
  }

  // The common refinement of all demands on the group, cut into blocks of the greatest common size.
  void partition(std::int32_t index) {
    group_members& g = groups_[at(index)];
    std::vector<std::vector<std::int32_t>> labels(g.channels.size());
    std::string reason;
    const auto label = [&](const cut_demands::equal_parts& demand) {
      for (auto& l : labels) l.push_back(-1);
      for (std::size_t part = 0; part < demand.parts.size(); ++part) {
        for (std::int32_t c : demand.parts[part]) labels[at(place_[at(c)])].back() = static_cast<std::int32_t>(part);
      }
      reason = demand.reason;
    };
    for (const auto& demand : demands_.equal) {
      if (group_of_[at(demand.parts[0][0])] == index) label(demand);
    }
    for (const auto& demand : pieces_[at(index)]) label(demand);

    std::map<std::vector<std::int32_t>, channel_list> atoms;
    for (std::size_t i = 0; i < labels.size(); ++i) atoms[labels[i]].push_back(static_cast<std::int32_t>(i));
    const auto count = static_cast<std::int64_t>(g.channels.size());
    std::int64_t size = count;
    for (const auto& [key, members] : atoms) size = std::gcd(size, static_cast<std::int64_t>(members.size()));
    g.blocks = count / size;
    g.block.clear();
    if (g.blocks == 1) return;
    if (size == 1) return lock(g, reason + " (no common blocks of two channels or more)");
    number_blocks(g, atoms, size);
  }

  // Blocks are numbered by their first channel.
  static void number_blocks(group_members& g, const std::map<std::vector<std::int32_t>, channel_list>& atoms, std::int64_t size) {
    std::vector<std::int32_t> first_of(g.channels.size());
    for (const auto& [key, members] : atoms) {
      for (std::size_t i = 0; i < members.size(); ++i)
        first_of[at(members[i])] = members[i / static_cast<std::size_t>(size) * static_cast<std::size_t>(size)];
    }
    std::map<std::int32_t, std::int32_t> number;
    g.block.resize(g.channels.size());
    for (std::size_t i = 0; i < g.block.size(); ++i) {
      g.block[i] = number.try_emplace(first_of[i], static_cast<std::int32_t>(number.size())).first->second;
    }
  }

  // |from| kept(to) = |to| kept(from) for every mask: the weights must be equal within each block and cancel over the blocks.
  void check(const cut_demands::proportion& p) {
    std::map<std::int32_t, std::int64_t> weight;
    for (std::int32_t c : p.to) weight[c] += static_cast<std::int64_t>(p.from.size());
    for (std::int32_t c : p.from) weight[c] -= static_cast<std::int64_t>(p.to.size());
    std::map<std::int32_t, bool> holds;
    for (const auto& [c, w] : weight) {
      if (!group(c).locked) holds.try_emplace(group_of_[at(c)], true);
    }
    for (auto& [index, good] : holds) {
      const group_members& g = groups_[at(index)];
      std::vector<std::int64_t> of_block(static_cast<std::size_t>(g.blocks));
      std::vector<std::uint8_t> seen(of_block.size(), 0);
      for (std::size_t i = 0; i < g.channels.size(); ++i) {
        const auto b = g.block.empty() ? 0 : at(g.block[i]);
        const auto w = weight.find(g.channels[i]);
        const std::int64_t own = w == weight.end() ? 0 : w->second;
        if (seen[b] && of_block[b] != own) good = false;
        of_block[b] = own;
        seen[b] = 1;
      }
      if (std::accumulate(of_block.begin(), of_block.end(), std::int64_t{0}) != 0) good = false;
    }
    if (std::all_of(holds.begin(), holds.end(), [](const auto& h) { return h.second; })) return;
    for (const auto& [index, good] : holds) lock(groups_[at(index)], p.reason);
  }

  const cut_demands& demands_;
  const std::vector<std::int32_t>& group_of_;
  std::vector<group_members>& groups_;
  std::vector<std::int32_t> place_;                            // of a channel in its group
  std::vector<std::vector<cut_demands::equal_parts>> pieces_;  // per group: demands of survivors
  bool changed_ = false;
};

}  // namespace

void settle_blocks(const cut_demands& demands, const std::vector<std::int32_t>& group_of, std::vector<group_members>& groups) {
  settlement(demands, group_of, groups).run();
}

}  // namespace sirfp::graph
