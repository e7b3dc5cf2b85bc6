// Operators that work position by position.
#include <algorithm>

#include "graph/rules.hpp"

namespace sirfp::graph {
namespace {

void set_all(analysis& a, const op_view& o, const std::vector<tracked_axis>& axes) {
  for (std::int32_t out : o.get().outputs) a.set(o, out, axes);
}

// What the operands have on one axis of the result, seen from the right as broadcasting does.
struct aligned {
  std::vector<variables> layouts;  // of the operands that are tracked there at full extent
  std::vector<variables> single;   // tracked, but one element that is repeated
  bool fixed = false;              // an operand of full extent that may not change
};

aligned collect(analysis& a, const op_view& o, std::int32_t out, std::int32_t axis) {
  aligned found;
  const std::int64_t extent = o.extent(out, axis);
  for (std::int32_t v : o.all_tensors()) {
    const std::int32_t own = axis - (o.rank(out) - o.rank(v));
    if (own < 0) continue;
    const bool whole = o.extent(v, own) == extent;
    bool tracked = false;
    for (const tracked_axis& t : a.axes(v)) {
      if (t.axis != own) continue;
      tracked = true;
      (whole ? found.layouts : found.single).push_back(t.layout);
    }
    if (!tracked && whole && extent > 1) found.fixed = true;
  }
  return found;
}

bool is_broadcast(const op_view& o) {
  const std::int32_t out = o.output();
  for (std::int32_t axis = 0; axis < o.rank(out); ++axis) {
    std::int64_t extent = 1;
    for (std::int32_t v : o.all_tensors()) {
      const std::int32_t own = axis - (o.rank(out) - o.rank(v));
      if (o.rank(v) > o.rank(out)) return false;
      if (own >= 0 && o.extent(v, own) != 1) extent = o.extent(v, own);
    }
    if (extent != o.extent(out, axis)) return false;
  }
  return true;
}

void lock_all(analysis& a, const op_view& o) {
  for (std::int32_t v : o.all_tensors()) a.lock_value(v, o.reason("no rule for a result of this shape"));
}

}  // namespace

void unary_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0);
  if (o.shape(o.output()) != o.shape(x)) return lock_all(a, o);
  set_all(a, o, a.axes(x));
  // Still the same parameter to a matrix product.
  if (o.name() == "aten::detach" || o.name() == "aten::contiguous" || o.name() == "aten::alias" || o.name() == "aten::lift_fresh") {
    a.set_view(o.output(), a.view(x));
  }
}

void elementwise_rule(analysis& a, const op_view& o) {
  const std::int32_t out = o.output();
  if (o.get().outputs.size() != 1 || !is_broadcast(o)) return lock_all(a, o);
  std::vector<tracked_axis> axes;
  for (std::int32_t axis = 0; axis < o.rank(out); ++axis) {
    const aligned found = collect(a, o, out, axis);
    for (const variables& layout : found.single) a.channels.lock(layout, o.reason("one channel is repeated over others"));
    if (found.layouts.empty()) continue;
    for (const variables& layout : found.layouts) a.channels.unite(found.layouts[0], layout);
    if (found.fixed) a.channels.lock(found.layouts[0], o.reason("meets a tensor whose extent cannot change"));
    axes.push_back({axis, found.layouts[0]});
  }
  set_all(a, o, axes);
}

void dropout_rule(analysis& a, const op_view& o) {
  if (o.boolean(2, false)) {
    a.lock_value(o.tensor(0), o.reason("random in training mode"));
    return;
  }
  unary_rule(a, o);
}

void max_min_rule(analysis& a, const op_view& o) {
  if (o.tensor(1) >= 0) return elementwise_rule(a, o);
  reduction_rule(a, o);
}

void source_rule(analysis&, const op_view&) {}

}  // namespace sirfp::graph
