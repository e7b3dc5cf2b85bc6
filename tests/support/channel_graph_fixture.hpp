// A network written out by hand, its channel graph, and questions about both.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "op_list_builder.hpp"
#include "sirfp/channel_graph.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {

class channel_graph_test : public testing::Test {
 protected:
  op_list_builder net;
  op_list list;
  channel_graph graph;

  void analyse(std::vector<std::int32_t> outputs, const channel_graph_options& options = {}) {
    list = net.finish(std::move(outputs));
    graph = analyse_channels(list, options);
  }
  const channel_group& group(const std::string& name) const {
    const auto found = std::find_if(graph.groups.begin(), graph.groups.end(), [&](const channel_group& g) { return g.name == name; });
    if (found == graph.groups.end()) throw failure("no group " + name + " in " + all());
    return *found;
  }
  std::string all() const {
    std::string s;
    for (const channel_group& g : graph.groups) s += text(g.name, " ", g.channels, " blocks ", g.blocks, " ", g.lock_reason, "\n");
    return s;
  }
  std::vector<std::string> prunable() const {
    std::vector<std::string> names;
    for (const channel_group& g : graph.groups) {
      if (!g.locked) names.push_back(g.name);
    }
    return names;
  }
  std::int32_t index(const std::string& name) const { return static_cast<std::int32_t>(&group(name) - graph.groups.data()); }
  // Channels of a value's layout, all of one group.
  std::vector<std::int32_t> channels(std::int32_t value, const std::string& name) const {
    std::vector<std::int32_t> found;
    for (const channel_ref& r : graph.layouts[static_cast<std::size_t>(value)]) {
      EXPECT_EQ(r.group, index(name));
      found.push_back(r.channel);
    }
    return found;
  }
  const parameter_axis* axis_of(const std::string& parameter, std::int32_t axis) const {
    for (const parameter_axis& p : graph.parameters) {
      if (list.values[static_cast<std::size_t>(p.value)].name == parameter && p.axis == axis) return &p;
    }
    return nullptr;
  }
  const extent_rule* extent(std::int32_t op_output, std::int32_t argument, std::int32_t element = 0) const {
    for (const extent_rule& e : graph.extents) {
      if (list.ops[static_cast<std::size_t>(e.op)].outputs[0] == op_output && e.argument == argument && e.element == element) return &e;
    }
    return nullptr;
  }
};

using names = std::vector<std::string>;
using ids = std::vector<std::int32_t>;

inline ids iota(std::int32_t n) {
  ids all;
  for (std::int32_t i = 0; i < n; ++i) all.push_back(i);
  return all;
}

}  // namespace sirfp::test
