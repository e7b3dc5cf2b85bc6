// Operators that move, add, drop or repeat axes.
#include <algorithm>
#include <numeric>
#include <utility>

#include "graph/rules.hpp"

namespace sirfp::graph {
namespace {

// order[j] = input axis that stands at output axis j.
void permute(analysis& a, const op_view& o, const std::vector<std::int32_t>& order) {
  const std::int32_t x = o.tensor(0);
  std::vector<tracked_axis> moved;
  for (const tracked_axis& t : a.axes(x)) {
    moved.push_back({static_cast<std::int32_t>(std::find(order.begin(), order.end(), t.axis) - order.begin()), t.layout});
  }
  a.set(o, o.output(), moved);
  if (analysis::parameter_view seen = a.view(x); seen.parameter >= 0) {
    const std::vector<std::int32_t> before = seen.axes;
    for (std::size_t j = 0; j < order.size(); ++j) seen.axes[j] = before[static_cast<std::size_t>(order[j])];
    a.set_view(o.output(), std::move(seen));
  }
}

}  // namespace

void permute_rule(analysis& a, const op_view& o) {
  std::vector<std::int32_t> order;
  for (std::int64_t dim : o.ints(1)) order.push_back(wrapped(dim, o.rank(o.tensor(0))));
  permute(a, o, order);
}

// transpose(x, a, b), t(x)
void transpose_rule(analysis& a, const op_view& o) {
  const std::int32_t rank = o.rank(o.tensor(0));
  std::vector<std::int32_t> order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  if (rank > 1) {
    const std::int32_t first = wrapped(o.integer(1, 0), rank), second = wrapped(o.integer(2, 1), rank);
    std::swap(order[static_cast<std::size_t>(first)], order[static_cast<std::size_t>(second)]);
  }
  permute(a, o, order);
}

// An axis is dropped when its extent is 1, so a channel axis that a removal might bring to 1 may not be among the candidates.
void squeeze_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0), rank = o.rank(x);
  std::vector<std::uint8_t> candidate(static_cast<std::size_t>(rank), o.has_ints(1) ? 0 : 1);
  for (std::int64_t dim : o.ints(1)) candidate[static_cast<std::size_t>(wrapped(dim, rank))] = 1;
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    if (candidate[static_cast<std::size_t>(t.axis)]) {
      a.channels.lock(t.layout, o.reason("may drop the channel axis"));
      if (t.layout.size() == 1) continue;
    }
    std::int32_t dropped = 0;
    for (std::int32_t axis = 0; axis < t.axis; ++axis)
      dropped += candidate[static_cast<std::size_t>(axis)] && o.extent(x, axis) == 1 ? 1 : 0;
    kept.push_back({t.axis - dropped, t.layout});
  }
  a.set(o, o.output(), kept);
}

void unsqueeze_rule(analysis& a, const op_view& o) {
  const std::int32_t dim = wrapped(o.integer(1, 0), o.rank(o.output()));
  std::vector<tracked_axis> kept = a.axes(o.tensor(0));
  for (tracked_axis& t : kept) t.axis += t.axis >= dim ? 1 : 0;
  a.set(o, o.output(), kept);
}

void expand_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0), added = o.rank(o.output()) - o.rank(x);
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    const std::int32_t axis = t.axis + added;
    if (o.extent(o.output(), axis) != static_cast<std::int64_t>(t.layout.size())) {
      a.channels.lock(t.layout, o.reason("one channel is repeated"));
      continue;
    }
    kept.push_back({axis, t.layout});
    if (o.ints(1).size() > static_cast<std::size_t>(axis) && o.ints(1)[static_cast<std::size_t>(axis)] != -1)
      a.follow(o, 1, axis, t.layout);
  }
  a.set(o, o.output(), kept);
}

// Takes the extents of another tensor, and so its layout where one element is repeated along it. Serves view_as and reshape_as too, which
// do the same as long as each axis keeps its extent.
void expand_as_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0), other = o.tensor(1), out = o.output();
  const bool expands = o.name() == "aten::expand_as";
  if (!expands && o.shape(x) != o.shape(out)) {
    for (std::int32_t v : o.all_tensors()) a.lock_value(v, o.reason("reshapes channels"));
    return;
  }
  std::vector<tracked_axis> kept;
  for (std::int32_t axis = 0; axis < o.rank(out); ++axis) {
    const std::int32_t own = axis - (o.rank(out) - o.rank(x));
    const variables *mine = nullptr, *theirs = nullptr;
    for (const tracked_axis& t : a.axes(other)) theirs = t.axis == axis ? &t.layout : theirs;
    for (const tracked_axis& t : a.axes(x)) mine = own >= 0 && t.axis == own ? &t.layout : mine;
    if (!mine && !theirs) continue;
    const bool repeated = own < 0 || o.extent(x, own) != o.extent(out, axis);
    if (mine && theirs && !repeated) {
      a.channels.unite(*mine, *theirs);
    } else if (!(theirs && repeated)) {
      a.channels.lock(mine ? *mine : *theirs, o.reason("meets a tensor whose extent cannot change"));
    }
    if (mine && repeated) a.channels.lock(*mine, o.reason("one channel is repeated"));
    kept.push_back({axis, theirs ? *theirs : *mine});
  }
  a.set(o, out, kept);
}

// repeat(x, times), tile(x, times): whole copies one after another.
void repeat_rule(analysis& a, const op_view& o) {
  const std::vector<std::int64_t> times = o.ints(1);
  const std::int32_t x = o.tensor(0), added = o.rank(o.output()) - o.rank(x);
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    const std::int32_t from_right = o.rank(x) - t.axis;
    const auto given = static_cast<std::int32_t>(times.size());
    const std::int64_t copies = from_right <= given ? times[static_cast<std::size_t>(given - from_right)] : 1;
    tracked_axis repeated{t.axis + added, {}};
    for (std::int64_t i = 0; i < copies; ++i) repeated.layout.insert(repeated.layout.end(), t.layout.begin(), t.layout.end());
    kept.push_back(std::move(repeated));
  }
  a.set(o, o.output(), kept);
}

namespace {

// Positions b * size .. b * size + size - 1 become one channel; returns one layout entry a block.
variables unite_blocks(analysis& a, const variables& layout, std::size_t size) {
  variables firsts;
  for (std::size_t b = 0; b < layout.size(); b += size) {
    for (std::size_t i = 1; i < size; ++i) a.channels.unite(layout[b], layout[b + i]);
    firsts.push_back(layout[b]);
  }
  return firsts;
}

// Applies `change` to the layout on the third axis from the end; axes behind it mix.
template <class Change>
void shuffle_pixels(analysis& a, const op_view& o, Change change) {
  const std::int32_t x = o.tensor(0);
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    if (t.axis > o.rank(x) - 3) {
      a.channels.lock(t.layout, o.reason("mixes channels"));
    } else {
      kept.push_back({t.axis, t.axis == o.rank(x) - 3 ? change(t.layout) : t.layout});
    }
  }
  a.set(o, o.output(), kept);
}

}  // namespace

// r * r channels make one.
void pixel_shuffle_rule(analysis& a, const op_view& o) {
  const auto area = static_cast<std::size_t>(o.integer(1, 1) * o.integer(1, 1));
  shuffle_pixels(a, o, [&](const variables& layout) { return unite_blocks(a, layout, area); });
}

void pixel_unshuffle_rule(analysis& a, const op_view& o) {
  const auto area = static_cast<std::size_t>(o.integer(1, 1) * o.integer(1, 1));
  shuffle_pixels(a, o, [&](const variables& layout) {
    variables repeated;
    for (variable v : layout) repeated.insert(repeated.end(), area, v);
    return repeated;
  });
}

// As view(N, g, C / g, ...), transpose(1, 2), reshape: keeps its meaning only if every block keeps the same channels.
void channel_shuffle_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0);
  const variables layout = a.require(o, x, 1);
  const auto groups = static_cast<std::size_t>(o.integer(1, 1)), size = layout.size() / groups;
  variables out;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t g = 0; g < groups; ++g) {
      a.channels.unite(layout[i], layout[g * size + i]);
      out.push_back(layout[g * size + i]);
    }
  }
  a.set(o, o.output(), {{1, out}});
}

}  // namespace sirfp::graph
