#include "graph/groups.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "graph/blocks.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/glob.hpp"
#include "sirfp/nearest.hpp"

namespace sirfp::graph {
namespace {

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

// United variables as channels, numbered as the network makes them.
struct channel_numbers {
  std::vector<std::int32_t> of_variable;
  std::vector<variable> first;  // per channel

  explicit channel_numbers(const channel_union& u) : of_variable(static_cast<std::size_t>(u.size()), -1) {
    for (variable v = 0; v < u.size(); ++v) {
      const variable root = u.find(v);  // the least of its class, so it has its number
      if (root == v) {
        of_variable[at(v)] = static_cast<std::int32_t>(first.size());
        first.push_back(v);
      }
      of_variable[at(v)] = of_variable[at(root)];
    }
  }
  channel_list list(const variables& layout) const {
    channel_list found;
    for (variable v : layout) found.push_back(of_variable[at(v)]);
    return found;
  }
};

channel_list distinct(channel_list list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

class group_former {
 public:
  group_former(const op_list& network, const analysis& a) : network_(network), a_(a), numbers_(a.channels) {
    parent_.resize(numbers_.first.size());
    std::iota(parent_.begin(), parent_.end(), 0);
    made_.resize(parent_.size(), 0);
    lock_.resize(parent_.size());
    for (std::size_t c = 0; c < parent_.size(); ++c) lock_[c] = a.channels.note(numbers_.first[c]);
  }

  grouping run(const std::vector<variables>& read, const std::vector<std::string>& patterns) {
    join_makers();
    const cut_demands demands = demands_of(read);
    collect();
    apply_patterns(patterns);
    settle_blocks(demands, group_of_, members_);
    return result(read);
  }

 private:
  std::int32_t find(std::int32_t c) {
    while (parent_[at(c)] != c) c = parent_[at(c)] = parent_[at(parent_[at(c)])];
    return c;
  }
  void join(const channel_list& list) {
    for (std::int32_t c : list) {
      const std::int32_t a = find(c), b = find(list[0]);
      parent_[at(std::max(a, b))] = std::min(a, b);
    }
  }

  // Channels of one dense operator form a group; of the others, those of one source.
  void join_makers() {
    for (const dense_producer& p : a_.producers) {
      const channel_list list = numbers_.list(p.layout);
      join(list);
      for (std::int32_t c : list) made_[at(c)] = 1;
    }
    for (const channel_source& s : a_.sources) {
      channel_list orphans = numbers_.list(s.layout);
      std::erase_if(orphans, [this](std::int32_t c) { return made_[at(c)] != 0; });
      join(orphans);
    }
  }

  cut_demands demands_of(const std::vector<variables>& read) {
    cut_demands demands;
    for (const block_rule& rule : a_.blocks) add_blocks(rule, demands);
    std::set<channel_list> seen;
    for (const variables& layout : read) {
      channel_list list = distinct(numbers_.list(layout));
      if (!list.empty() && seen.insert(list).second) demands.survive.push_back({list, "a part of its channels could vanish whole"});
    }
    for (const survival_rule& rule : a_.survivals) demands.survive.push_back({distinct(numbers_.list(rule.layout)), rule.reason});
    for (const size_rule& rule : a_.sizes) add_size(rule, demands);
    return demands;
  }

  // Parts that hold the same channels are always equal; parts that share some of them, or repeat some more than others, cannot be kept
  // equal.
  void add_blocks(const block_rule& rule, cut_demands& demands) {
    const channel_list all = numbers_.list(rule.layout);
    const std::size_t size = all.size() / static_cast<std::size_t>(rule.blocks);
    std::vector<channel_list> parts;
    std::map<std::int32_t, std::size_t> times;
    for (std::size_t from = 0; from < all.size(); from += size) {
      parts.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(from + size));
      std::sort(parts.back().begin(), parts.back().end());
    }
    if (std::all_of(parts.begin(), parts.end(), [&](const channel_list& p) { return p == parts[0]; })) return;
    for (std::int32_t c : all) ++times[c];
    std::size_t members = 0;
    for (channel_list& p : parts) {
      p = distinct(std::move(p));
      members += p.size();
    }
    const bool even = std::all_of(times.begin(), times.end(), [&](const auto& t) { return t.second == times.begin()->second; });
    join(all);
    if (members != times.size() || !even) {
      lock(all, rule.reason + ", but its blocks share channels");
    } else {
      demands.equal.push_back({std::move(parts), rule.reason});
    }
  }

  void add_size(const size_rule& rule, cut_demands& demands) {
    std::vector<const variables*> from;
    for (const variables& layout : rule.from) {
      if (!a_.channels.all_locked(layout)) from.push_back(&layout);
    }
    if (rule.exact && from.size() == 1 && !rule.to.empty()) {
      demands.proportional.push_back({numbers_.list(*from[0]), numbers_.list(rule.to), rule.reason});
      return;
    }
    for (const variables* layout : from) lock(numbers_.list(*layout), rule.reason);
    if (!a_.channels.all_locked(rule.to)) lock(numbers_.list(rule.to), rule.reason);
  }

  void lock(const channel_list& list, const std::string& reason) {
    for (std::int32_t c : list) {
      if (lock_[at(c)].order < 0) lock_[at(c)] = {a_.channels.lock_count() + static_cast<std::int64_t>(later_++), reason};
    }
  }

  void collect() {
    std::map<std::int32_t, std::int32_t> number;
    group_of_.resize(parent_.size());
    std::vector<const lock_note*> first_lock;
    for (std::int32_t c = 0; c < static_cast<std::int32_t>(parent_.size()); ++c) {
      const auto [entry, fresh] = number.try_emplace(find(c), static_cast<std::int32_t>(members_.size()));
      if (fresh) {
        members_.emplace_back();
        first_lock.push_back(nullptr);
      }
      group_of_[at(c)] = entry->second;
      members_[at(entry->second)].channels.push_back(c);
      const lock_note*& first = first_lock[at(entry->second)];
      if (lock_[at(c)].order >= 0 && (!first || lock_[at(c)].order < first->order)) first = &lock_[at(c)];
    }
    name();
    for (std::size_t g = 0; g < members_.size(); ++g) {
      const channel_list& own = members_[g].channels;
      if (first_lock[g]) {
        lock_group(g, first_lock[g]->reason);
      } else if (std::any_of(own.begin(), own.end(), [this](std::int32_t c) { return !made_[at(c)]; })) {
        lock_group(g, "no convolution or linear layer makes all of its channels");
      } else if (own.size() == 1) {
        lock_group(g, "single channel");
      }
    }
  }

  void lock_group(std::size_t g, const std::string& reason) {
    if (members_[g].locked) return;
    members_[g].locked = true;
    members_[g].reason = reason;
  }

  void name() {
    producers_.resize(members_.size());
    names_.resize(members_.size());
    for (const dense_producer& p : a_.producers) {
      const op& o = network_.ops[at(p.op)];
      auto& places = producers_[at(group_of_[at(numbers_.of_variable[at(p.layout[0])])])];
      if (std::find(places.begin(), places.end(), o.place) == places.end()) places.push_back(o.place);
    }
    unique_names unique;
    for (std::size_t g = 0; g < members_.size(); ++g) names_[g] = producers_[g].empty() ? std::string() : unique(producers_[g][0]);
    for (const channel_source& s : a_.sources) {
      for (std::int32_t c : numbers_.list(s.layout)) {
        std::string& free = names_[at(group_of_[at(c)])];
        if (free.empty()) free = unique(s.name);
      }
    }
  }

  void apply_patterns(const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) {
      bool any = false;
      for (std::size_t g = 0; g < members_.size(); ++g) {
        const bool matches =
            glob_matches(pattern, names_[g]) ||
            std::any_of(producers_[g].begin(), producers_[g].end(), [&](const std::string& p) { return glob_matches(pattern, p); });
        if (matches) lock_group(g, text("locked by pattern '", pattern, "'"));
        any = any || matches;
      }
      SIRFP_EXPECTS(any, "lock pattern '", pattern, "' matches no group; the nearest is '", nearest(pattern, names_), "'");
    }
  }

  // What only parameters hold (the spatial axes of a position embedding) is no group to show.
  std::vector<std::int32_t> numbers_of_shown(const std::vector<variables>& read) const {
    std::vector<std::uint8_t> shown(members_.size(), 0);
    for (std::size_t g = 0; g < shown.size(); ++g) shown[g] = !producers_[g].empty();
    bool changed = true;
    const auto group = [&](variable v) { return at(group_of_[at(numbers_.of_variable[at(v)])]); };
    const auto show = [&](const variables& layout) {
      for (variable v : layout) {
        changed = changed || !shown[group(v)];
        shown[group(v)] = 1;
      }
    };
    for (const variables& layout : read) show(layout);
    while (changed) {  // a parameter that is shown in part is shown whole
      changed = false;
      for (const auto& [where, follows] : a_.carried) {
        if (std::any_of(follows.layout.begin(), follows.layout.end(), [&](variable v) { return shown[group(v)] != 0; }))
          show(follows.layout);
      }
    }
    std::vector<std::int32_t> numbers(shown.size(), -1);
    std::int32_t next = 0;
    for (std::size_t g = 0; g < shown.size(); ++g) numbers[g] = shown[g] ? next++ : -1;
    return numbers;
  }

  grouping result(const std::vector<variables>& read) {
    grouping made;
    const std::vector<std::int32_t> numbers = numbers_of_shown(read);
    std::vector<channel_ref> refs(group_of_.size());
    for (std::size_t g = 0; g < members_.size(); ++g) {
      if (numbers[g] < 0) continue;
      group_members& m = members_[g];
      for (std::size_t i = 0; i < m.channels.size(); ++i) refs[at(m.channels[i])] = {numbers[g], static_cast<std::int32_t>(i)};
      made.groups.push_back(
          {names_[g], static_cast<std::int64_t>(m.channels.size()), producers_[g], m.locked, m.reason, m.blocks, std::move(m.block)});
    }
    for (std::int32_t c : numbers_.of_variable) made.of_variable.push_back(refs[at(c)]);
    return made;
  }

  const op_list& network_;
  const analysis& a_;
  channel_numbers numbers_;
  std::vector<std::int32_t> parent_;
  std::vector<std::uint8_t> made_;  // by a dense operator
  std::vector<lock_note> lock_;
  std::int32_t later_ = 0;
  std::vector<std::int32_t> group_of_;
  std::vector<group_members> members_;
  std::vector<std::vector<std::string>> producers_;
  std::vector<std::string> names_;
};

}  // namespace

channel_layout grouping::layout(const variables& v) const {
  channel_layout made;
  made.reserve(v.size());
  for (variable one : v) made.push_back(of_variable[at(one)]);
  return made;
}

grouping form_groups(const op_list& network, const analysis& a, const std::vector<variables>& read,
                     const std::vector<std::string>& lock_patterns) {
  return group_former(network, a).run(read, lock_patterns);
}

std::string unique_names::operator()(const std::string& name) {
  std::string candidate = name;
  for (int n = 2; std::find(used_.begin(), used_.end(), candidate) != used_.end(); ++n) candidate = text(name, "#", n);
  used_.push_back(candidate);
  return candidate;
}

}  // namespace sirfp::graph
