// From united channel variables to groups: who is pruned under one mask, in equal blocks or not, and who is locked.
#pragma once

#include <vector>

#include "graph/analysis.hpp"

namespace sirfp::graph {

struct grouping {
  std::vector<channel_group> groups;
  std::vector<channel_ref> of_variable;  // {-1, -1}: held by parameters alone
  channel_layout layout(const variables& v) const;
  bool shows(const variables& v) const { return !v.empty() && of_variable[static_cast<std::size_t>(v[0])].group >= 0; }
};

// `read` holds the layouts of all live tensors: none of them may lose its last channel.
grouping form_groups(const op_list& network, const analysis& a, const std::vector<variables>& read,
                     const std::vector<std::string>& lock_patterns);

// Appends "#2", "#3" ... to names that occurred before.
class unique_names {
 public:
  std::string operator()(const std::string& name);

 private:
  std::vector<std::string> used_;
};

}  // namespace sirfp::graph
