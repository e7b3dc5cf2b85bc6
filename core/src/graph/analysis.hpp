// What the rules write to while they walk a network: the channel variables of every tensor axis, and the facts that the groups, sites and
// slices are read from afterwards.
//
// The invariant that makes masked = slimmed, and that every rule keeps: along a tracked axis the slim tensor is the original one restricted
// to the kept positions, in order, and its values there are those of the masked network; every other axis keeps its extent. Only a dense
// operator may mix channels, for there the masked network zeroes what the slim one lacks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/channel_union.hpp"
#include "graph/op_view.hpp"
#include "sirfp/channel_graph.hpp"

namespace sirfp::graph {

struct tracked_axis {
  std::int32_t axis = -1;
  variables layout;
};

struct dense_producer {
  std::int32_t op = -1;
  std::int32_t value = -1;
  std::int32_t axis = 1;
  variables layout;
};

struct site_read {
  std::int32_t value = -1;
  std::int32_t axis = 1;
  std::int64_t first = 0;
  variables layout;
  consumer reader;  // norm is filled in later
};

struct literal_rule {
  std::int32_t op = -1;
  std::int32_t argument = -1;
  std::int32_t element = 0;
  std::int64_t factor = 1;
  variables layout;
};

// Equal numbers must stay in `blocks` equal contiguous parts of the layout.
struct block_rule {
  variables layout;
  std::int64_t blocks = 1;
  std::string reason;
};

// At least one of these channels must stay.
struct survival_rule {
  variables layout;
  std::string reason;
};

// A number computed from extents: it becomes `value` * product of kept(from) / product of |from|, and must become kept(to), or stay where
// `to` is empty.
struct size_rule {
  std::vector<variables> from;
  bool exact = true;
  variables to;
  std::string reason;
};

// Channels that no dense operator makes: inputs, outputs of operators without a rule, parameters.
struct channel_source {
  std::string name;
  variables layout;
};

struct carried_axis {
  std::int64_t blocks = 1;
  variables layout;
};

class analysis {
 public:
  explicit analysis(const op_list& network);

  // Runs the rule of an operator; without one everything that it touches is locked.
  void visit(std::int32_t op_index);
  // Locks what stands on every tracked axis of a value; a parameter may not be sliced anywhere then.
  void lock_value(std::int32_t value, const std::string& reason);

  // --- for rules ---
  // Tracked axes of a value. A parameter, buffer or constant is tracked on every axis of more than one element.
  const std::vector<tracked_axis>& axes(std::int32_t value);
  // Declares an output's axes. An activation keeps one: axes that may not change anyway are dropped, further ones locked.
  void set(const op_view& o, std::int32_t value, std::vector<tracked_axis> axes);
  // The layout on one axis; other axes of the value are locked, an unknown axis gets locked channels.
  variables require(const op_view& o, std::int32_t value, std::int32_t axis);
  // Axis `axis` of a parameter (or of something computed) follows the layout. value -1: nothing.
  void tie(const op_view& o, std::int32_t value, std::int32_t axis, const variables& layout, std::int64_t blocks = 1);
  // The axis keeps its extent.
  void freeze(std::int32_t value, std::int32_t axis, const std::string& reason);
  // Element of an integer argument that has to become kept(layout): an extent rule for a literal, a check for a computed number.
  void follow(const op_view& o, std::int32_t argument, std::int32_t element, const variables& layout, std::int64_t factor = 1);
  void require_blocks(const op_view& o, const variables& layout, std::int64_t blocks);

  bool fixed(std::int32_t value) const;       // a parameter, buffer or constant
  bool parametric(std::int32_t value) const;  // that, or computed from such values alone
  // The parameter that a value shows unchanged but for the order of its axes, and which of its axes stands at each place; -1: none.
  struct parameter_view {
    std::int32_t parameter = -1;
    std::vector<std::int32_t> axes;
  };
  const parameter_view& view(std::int32_t value) const { return views_[static_cast<std::size_t>(value)]; }
  void set_view(std::int32_t value, parameter_view v) { views_[static_cast<std::size_t>(value)] = std::move(v); }

  channel_union channels;
  std::vector<dense_producer> producers;
  std::vector<site_read> sites;
  std::vector<literal_rule> literals;
  std::vector<block_rule> blocks;
  std::vector<survival_rule> survivals;
  std::vector<size_rule> sizes;
  std::vector<channel_source> sources;
  std::map<std::pair<std::int32_t, std::int32_t>, carried_axis> carried;  // (parameter, axis)

 private:
  std::string place_of(std::int32_t value) const;
  void check_unclaimed(const op_view& o);
  size_rule size_rule_of(const op_view& o, const size_origin& origin);

  const op_list& network_;
  std::vector<std::vector<tracked_axis>> states_;
  std::vector<std::uint8_t> known_;  // states_ entry has been set
  std::vector<std::uint8_t> parametric_;
  std::vector<parameter_view> views_;
  std::vector<std::int32_t> defined_by_;
  std::map<std::pair<std::int32_t, std::int32_t>, std::string> frozen_;
  std::vector<std::pair<std::int32_t, std::int32_t>> claimed_;  // (argument, element) of the operator being visited
};

}  // namespace sirfp::graph
