// Operators that mix along some axes and leave the others alone: pooling, interpolation, padding, reductions, softmax.
#include <algorithm>

#include "graph/rules.hpp"

namespace sirfp::graph {
namespace {

// Passes the axes before the last `count`, locks the others.
void spatial(analysis& a, const op_view& o, std::int32_t count) {
  const std::int32_t x = o.tensor(0);
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    if (t.axis < o.rank(x) - count) {
      kept.push_back(t);
    } else {
      a.channels.lock(t.layout, o.reason("mixes channels"));
    }
  }
  for (std::int32_t out : o.get().outputs) a.set(o, out, kept);
}

void reduce(analysis& a, const op_view& o, std::int32_t dims_argument, bool may_be_all) {
  const std::int32_t x = o.tensor(0), rank = o.rank(x);
  std::vector<std::uint8_t> reduced(static_cast<std::size_t>(rank), 0);
  if (o.has_ints(dims_argument) && !may_be_all) {
    for (std::int64_t dim : o.ints(dims_argument)) reduced[static_cast<std::size_t>(wrapped(dim, rank))] = 1;
  } else {
    std::fill(reduced.begin(), reduced.end(), std::uint8_t{1});
  }
  const bool keeps = o.rank(o.output()) == rank;
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    if (reduced[static_cast<std::size_t>(t.axis)]) {
      a.channels.lock(t.layout, o.reason("mixes channels"));
      continue;
    }
    const auto before = std::count(reduced.begin(), reduced.begin() + t.axis, std::uint8_t{1});
    kept.push_back({keeps ? t.axis : t.axis - static_cast<std::int32_t>(before), t.layout});
  }
  for (std::int32_t out : o.get().outputs) a.set(o, out, kept);
}

}  // namespace

void spatial_1d_rule(analysis& a, const op_view& o) { spatial(a, o, 1); }
void spatial_2d_rule(analysis& a, const op_view& o) { spatial(a, o, 2); }
void spatial_3d_rule(analysis& a, const op_view& o) { spatial(a, o, 3); }

void grid_sample_rule(analysis& a, const op_view& o) {
  if (o.tensor(1) >= 0) a.lock_value(o.tensor(1), o.reason("channels used as coordinates"));
  spatial(a, o, o.rank(o.tensor(0)) - 2);
}

// Pairs of amounts from the last axis on. Constant padding of the channel axis adds channels that stay.
void pad_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0), rank = o.rank(x);
  const std::vector<std::int64_t> amounts = o.ints(1);
  const op_argument* mode = o.argument(2);
  const bool constant = o.name() == "aten::constant_pad_nd" || !mode || mode->type != op_argument::kind::text || mode->text == "constant";
  const bool named = o.name() == "aten::pad" || o.name() == "aten::constant_pad_nd";
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    const auto pair = 2 * static_cast<std::size_t>(rank - 1 - t.axis);
    const std::int64_t before = pair + 1 < amounts.size() ? amounts[pair] : 0;
    const std::int64_t after = pair + 1 < amounts.size() ? amounts[pair + 1] : 0;
    if (before == 0 && after == 0) {
      kept.push_back(t);
      continue;
    }
    if (before < 0 || after < 0 || !constant || !named) {
      a.channels.lock(t.layout, o.reason("pads channels by others"));
      continue;
    }
    variables layout = a.channels.make(before + after);
    a.sources.push_back({o.get().place, layout});
    a.channels.lock(layout, o.reason("channels of padding"));
    layout.insert(layout.begin() + before, t.layout.begin(), t.layout.end());
    kept.push_back({t.axis, layout});
  }
  a.set(o, o.output(), kept);
}

// (x), (x, dtype), (x, dims, keepdim, ...): the short forms reduce everything.
void reduction_rule(analysis& a, const op_view& o) {
  const bool all = o.rank(o.output()) == 0 || (o.argument_count() < 3 && o.name() != "aten::amax" && o.name() != "aten::amin");
  reduce(a, o, 1, all);
}

void norm_reduction_rule(analysis& a, const op_view& o) { reduce(a, o, 2, o.rank(o.output()) == 0); }

void along_axis_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0), axis = wrapped(o.integer(1, -1), o.rank(x));
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    if (t.axis == axis) {
      a.channels.lock(t.layout, o.reason("mixes channels"));
    } else {
      kept.push_back(t);
    }
  }
  a.set(o, o.output(), kept);
}

void flip_rule(analysis& a, const op_view& o) {
  std::vector<tracked_axis> kept = a.axes(o.tensor(0));
  for (std::int64_t dim : o.ints(1)) {
    for (tracked_axis& t : kept) {
      if (t.axis == wrapped(dim, o.rank(o.tensor(0)))) std::reverse(t.layout.begin(), t.layout.end());
    }
  }
  a.set(o, o.output(), kept);
}

void roll_rule(analysis& a, const op_view& o) {
  const std::vector<std::int64_t> dims = o.ints(2);
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(o.tensor(0))) {
    const bool rolled =
        dims.empty() || std::any_of(dims.begin(), dims.end(), [&](auto d) { return wrapped(d, o.rank(o.tensor(0))) == t.axis; });
    if (rolled) {
      a.channels.lock(t.layout, o.reason("shifts channels"));
    } else {
      kept.push_back(t);
    }
  }
  a.set(o, o.output(), kept);
}

}  // namespace sirfp::graph
