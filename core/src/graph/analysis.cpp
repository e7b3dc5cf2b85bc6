#include "graph/analysis.hpp"

#include <algorithm>
#include <numeric>

#include "graph/rules.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::graph {

namespace {

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

}  // namespace

analysis::analysis(const op_list& network)
    : network_(network),
      states_(network.values.size()),
      known_(network.values.size()),
      parametric_(network.values.size()),
      views_(network.values.size()),
      defined_by_(network.values.size(), -1) {
  for (std::size_t v = 0; v < network.values.size(); ++v) {
    if (network.values[v].kind == op_value::role::activation) continue;
    parametric_[v] = 1;
    views_[v].parameter = static_cast<std::int32_t>(v);
    views_[v].axes.resize(network.values[v].shape.size());
    std::iota(views_[v].axes.begin(), views_[v].axes.end(), 0);
  }
  for (std::size_t i = 0; i < network.ops.size(); ++i) {
    for (std::int32_t out : network.ops[i].outputs) defined_by_[at(out)] = static_cast<std::int32_t>(i);
  }
  for (std::int32_t input : network.inputs) {
    const op_value& value = network.values[at(input)];
    if (value.shape.size() < 2) continue;
    states_[at(input)] = {{1, channels.make(value.shape[1])}};
    known_[at(input)] = 1;
    sources.push_back({value.name, states_[at(input)][0].layout});
    channels.lock(states_[at(input)][0].layout, "network input");
  }
}

bool analysis::fixed(std::int32_t value) const { return network_.values[at(value)].kind != op_value::role::activation; }
bool analysis::parametric(std::int32_t value) const { return parametric_[at(value)] != 0; }

std::string analysis::place_of(std::int32_t value) const {
  const std::int32_t by = defined_by_[at(value)];
  return by >= 0 && !network_.ops[at(by)].place.empty() ? network_.ops[at(by)].place : network_.values[at(value)].name;
}

void analysis::visit(std::int32_t op_index) {
  const op_view o(network_, op_index);
  const std::vector<std::int32_t> read = o.all_tensors();
  const bool from_parameters = !read.empty() && std::all_of(read.begin(), read.end(), [this](auto v) { return parametric(v); });
  for (std::int32_t out : o.get().outputs) {
    parametric_[at(out)] = from_parameters;
    known_[at(out)] = 1;
  }
  claimed_.clear();
  const rule flow = find_rule(o.name());
  // Rules but the element-wise one look for a tensor, or a list of them, in front.
  if (flow && (flow == elementwise_rule || flow == source_rule || !o.tensors(0).empty())) {
    flow(*this, o);
  } else {
    for (std::int32_t v : read) lock_value(v, o.reason(flow ? "no rule for these arguments" : "no rule"));
  }
  check_unclaimed(o);
}

void analysis::lock_value(std::int32_t value, const std::string& reason) {
  if (fixed(value)) {
    for (std::size_t axis = 0; axis < network_.values[at(value)].shape.size(); ++axis)
      freeze(value, static_cast<std::int32_t>(axis), reason);
    return;
  }
  for (const tracked_axis& t : axes(value)) channels.lock(t.layout, reason);
}

const std::vector<tracked_axis>& analysis::axes(std::int32_t value) {
  std::vector<tracked_axis>& state = states_[at(value)];
  if (known_[at(value)] || !fixed(value)) return state;
  known_[at(value)] = 1;
  const op_value& parameter = network_.values[at(value)];
  for (std::int32_t axis = 0; axis < static_cast<std::int32_t>(parameter.shape.size()); ++axis) {
    if (parameter.shape[at(axis)] <= 1) continue;
    carried_axis& follows = carried[{value, axis}];
    if (follows.blocks > 1) {  // rows differ in what they keep: no single layout
      const std::string reason = text("parameter ", parameter.name, ": weight of a grouped convolution and read elsewhere");
      channels.lock(follows.layout, reason);
      continue;
    }
    if (follows.layout.empty()) {
      follows.layout = channels.make(parameter.shape[at(axis)]);
      sources.push_back({parameter.name, follows.layout});
    }
    if (const auto held = frozen_.find({value, axis}); held != frozen_.end()) channels.lock(follows.layout, held->second);
    state.push_back({axis, follows.layout});
  }
  return state;
}

void analysis::set(const op_view& o, std::int32_t value, std::vector<tracked_axis> tracked) {
  if (!parametric(value) && tracked.size() > 1) {
    const auto open =
        std::find_if(tracked.begin(), tracked.end(), [this](const tracked_axis& t) { return !channels.all_locked(t.layout); });
    const tracked_axis kept = open == tracked.end() ? tracked.front() : *open;
    for (const tracked_axis& t : tracked) {
      if (t.axis != kept.axis) channels.lock(t.layout, o.reason("channels on two axes"));
    }
    tracked = {kept};
  }
  states_[at(value)] = std::move(tracked);
  known_[at(value)] = 1;
}

variables analysis::require(const op_view& o, std::int32_t value, std::int32_t axis) {
  variables found;
  for (const tracked_axis& t : axes(value)) {
    if (t.axis == axis) {
      found = t.layout;
    } else {
      channels.lock(t.layout, o.reason(text("expects channels on axis ", axis, ", not ", t.axis)));
    }
  }
  if (found.empty()) {
    found = channels.make(o.extent(value, axis));
    sources.push_back({place_of(value), found});
    const std::int32_t by = defined_by_[at(value)];
    channels.lock(found, by < 0 ? o.reason("channels not followed") : op_view(network_, by).reason("channels not followed"));
  }
  if (!fixed(value)) states_[at(value)] = {{axis, found}};
  return found;
}

void analysis::tie(const op_view& o, std::int32_t value, std::int32_t axis, const variables& layout, std::int64_t block_count) {
  if (value < 0) return;
  SIRFP_EXPECTS(axis < o.rank(value) && o.extent(value, axis) * block_count == static_cast<std::int64_t>(layout.size()),
                o.reason(text("axis ", axis, " of ", network_.values[at(value)].name, " does not fit ", layout.size(), " channels")));
  if (!fixed(value)) {  // a weight that is computed
    for (const tracked_axis& t : axes(value)) {
      if (t.axis == axis && block_count == 1) return channels.unite(t.layout, layout);
    }
    return channels.lock(layout, o.reason("computed weight"));
  }
  carried_axis& follows = carried[{value, axis}];
  if (follows.layout.empty()) {
    follows = {block_count, layout};
  } else if (follows.blocks == block_count) {
    channels.unite(follows.layout, layout);
  } else {
    const std::string reason = o.reason(text("shares ", network_.values[at(value)].name, " with an operator of other groups"));
    channels.lock(follows.layout, reason);
    channels.lock(layout, reason);
  }
  if (const auto held = frozen_.find({value, axis}); held != frozen_.end()) channels.lock(layout, held->second);
}

void analysis::freeze(std::int32_t value, std::int32_t axis, const std::string& reason) {
  if (!fixed(value)) {
    for (const tracked_axis& t : axes(value)) {
      if (t.axis == axis) channels.lock(t.layout, reason);
    }
    return;
  }
  frozen_.try_emplace({value, axis}, reason);
  if (const auto follows = carried.find({value, axis}); follows != carried.end()) channels.lock(follows->second.layout, reason);
}

void analysis::follow(const op_view& o, std::int32_t argument, std::int32_t element, const variables& layout, std::int64_t factor) {
  const op_argument* a = o.argument(argument);
  if (!a || at(element) >= a->ints.size()) return channels.lock(layout, o.reason("an extent that is not among its arguments"));
  claimed_.emplace_back(argument, element);
  if (o.literal(argument, element)) {
    literals.push_back({o.index(), argument, element, factor, layout});
  } else if (const size_origin* origin = o.origin(argument, element)) {
    size_rule check = size_rule_of(o, *origin);
    check.to = layout;
    check.reason = o.reason("a computed extent that would not follow the channels");
    sizes.push_back(std::move(check));
  }
}

void analysis::require_blocks(const op_view& o, const variables& layout, std::int64_t block_count) {
  if (block_count > 1)
    blocks.push_back({layout, block_count, o.reason(text("needs equal numbers in ", block_count, " blocks of channels"))});
}

size_rule analysis::size_rule_of(const op_view& o, const size_origin& origin) {
  size_rule made{{}, origin.exact, {}, o.reason("computes with a number of channels")};
  for (const size_origin::extent& e : origin.extents) {
    for (const tracked_axis& t : axes(e.value)) {
      if (t.axis == e.axis) made.from.push_back(t.layout);
    }
  }
  return made;
}

// Every computed number that no rule asked to follow channels must not depend on them.
void analysis::check_unclaimed(const op_view& o) {
  for (std::int32_t i = 0; i < o.argument_count(); ++i) {
    const op_argument* a = o.argument(i);
    if (!a) continue;
    for (std::int32_t e = 0; at(e) < a->origins.size(); ++e) {
      if (o.literal(i, e) || std::find(claimed_.begin(), claimed_.end(), std::pair{i, e}) != claimed_.end()) continue;
      size_rule check = size_rule_of(o, a->origins[at(e)]);
      if (!check.from.empty()) sizes.push_back(std::move(check));
    }
  }
}

}  // namespace sirfp::graph
