// Operators that join tensors or cut them.
#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/rules.hpp"

namespace sirfp::graph {
namespace {

// The layouts that operands have on one axis, empty where not tracked.
std::vector<variables> layouts_on(analysis& a, const std::vector<std::int32_t>& values, std::int32_t axis) {
  std::vector<variables> found(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (const tracked_axis& t : a.axes(values[i])) {
      if (t.axis == axis) found[i] = t.layout;
    }
  }
  return found;
}

bool any_tracked(const std::vector<variables>& layouts) {
  return std::any_of(layouts.begin(), layouts.end(), [](const variables& l) { return !l.empty(); });
}

// Position by position; whoever is not tracked holds the others fast.
variables united(analysis& a, const op_view& o, const std::vector<variables>& layouts) {
  const variables& first = *std::find_if(layouts.begin(), layouts.end(), [](const variables& l) { return !l.empty(); });
  for (const variables& l : layouts) {
    if (!l.empty()) {
      a.channels.unite(first, l);
    } else if (first.size() > 1) {
      a.channels.lock(first, o.reason("meets a tensor whose extent cannot change"));
    }
  }
  return first;
}

variables part(const variables& layout, std::int64_t from, std::int64_t to) { return {layout.begin() + from, layout.begin() + to}; }

// Cuts the tracked axis `dim` into the outputs; other axes pass. Returns the pieces, empty when `dim` is not tracked.
std::vector<variables> cut(analysis& a, const op_view& o, std::int32_t dim) {
  std::vector<variables> pieces;
  std::vector<std::vector<tracked_axis>> results(o.get().outputs.size());
  for (const tracked_axis& t : a.axes(o.tensor(0))) {
    std::int64_t from = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (t.axis != dim) {
        results[i].push_back(t);
        continue;
      }
      const std::int64_t to = from + o.extent(o.output(i), dim);
      pieces.push_back(part(t.layout, from, to));
      results[i].push_back({dim, pieces.back()});
      from = to;
    }
  }
  for (std::size_t i = 0; i < results.size(); ++i) a.set(o, o.output(i), results[i]);
  return pieces;
}

// Equal parts as coarse as the pieces allow: then every piece keeps its share of the channels.
void keep_shares(analysis& a, const op_view& o, const std::vector<variables>& pieces) {
  variables whole;
  std::int64_t unit = 0;
  for (const variables& piece : pieces) {
    whole.insert(whole.end(), piece.begin(), piece.end());
    unit = std::gcd(unit, static_cast<std::int64_t>(piece.size()));
  }
  if (pieces.size() > 1 && unit > 0) a.require_blocks(o, whole, static_cast<std::int64_t>(whole.size()) / unit);
}

void lock_pieces(analysis& a, const op_view& o, const std::vector<variables>& pieces, std::string_view why) {
  for (const variables& piece : pieces) a.channels.lock(piece, o.reason(why));
}

// A number that no front end could explain does not count as following.
bool explained(const op_view& o, std::int32_t argument, std::int32_t element) {
  return o.literal(argument, element) || o.origin(argument, element) != nullptr;
}

// Follows one end of a slice. Negative numbers count from the end.
void follow_bound(analysis& a, const op_view& o, std::int32_t argument, const variables& layout, std::int64_t position) {
  if (!explained(o, argument, 0)) return a.channels.lock(layout, o.reason("computed bound of unknown origin"));
  if (o.integer(argument, 0) >= 0) return a.follow(o, argument, 0, part(layout, 0, position));
  if (!o.literal(argument, 0)) return a.channels.lock(layout, o.reason("computed bound from the end"));
  const variables rest = part(layout, position, static_cast<std::int64_t>(layout.size()));
  a.follow(o, argument, 0, rest, -1);
  a.survivals.push_back({rest, o.reason("a bound that counts from the end cannot be 0")});
}

variables sliced(analysis& a, const op_view& o, const variables& layout) {
  const auto extent = static_cast<std::int64_t>(layout.size());
  const auto bound = [&](std::int32_t argument, std::int64_t otherwise) {
    const std::int64_t raw = o.integer(argument, otherwise);
    return std::clamp(raw < 0 ? raw + extent : raw, std::int64_t{0}, extent);
  };
  const std::int64_t start = bound(2, 0), end = bound(3, extent);
  if (o.integer(4, 1) != 1) {
    a.channels.lock(layout, o.reason("takes channels in steps"));
    return {};
  }
  if (start > 0) follow_bound(a, o, 2, layout, start);
  if (end < extent) {
    follow_bound(a, o, 3, layout, end);
  } else if (o.has_ints(3) && !o.literal(3) && o.origin(3)) {
    a.follow(o, 3, 0, layout);
  }
  return end > start ? part(layout, start, end) : variables{};
}

// Drops axis `dim`: later axes move up by one.
std::vector<tracked_axis> without_axis(analysis& a, const op_view& o, std::int32_t dim, std::string_view why) {
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(o.tensor(0))) {
    if (t.axis == dim) {
      a.channels.lock(t.layout, o.reason(why));
    } else {
      kept.push_back({t.axis > dim ? t.axis - 1 : t.axis, t.layout});
    }
  }
  return kept;
}

}  // namespace

void cat_rule(analysis& a, const op_view& o) {
  std::vector<std::int32_t> values = o.tensors(0);
  const std::int32_t rank = o.rank(o.output()), dim = wrapped(o.integer(1, 0), rank);
  std::erase_if(values, [&](std::int32_t v) { return o.rank(v) != rank; });  // the empty tensor that old networks start lists with
  std::vector<tracked_axis> axes;
  for (std::int32_t axis = 0; axis < rank; ++axis) {
    const std::vector<variables> layouts = layouts_on(a, values, axis);
    if (!any_tracked(layouts)) continue;
    if (axis != dim) {
      axes.push_back({axis, united(a, o, layouts)});
      continue;
    }
    tracked_axis joined{axis, {}};
    for (std::size_t i = 0; i < values.size(); ++i) {
      variables layout = layouts[i];
      if (layout.empty()) {
        layout = a.channels.make(o.extent(values[i], dim));
        a.sources.push_back({o.get().place, layout});
        a.channels.lock(layout, o.reason("joins channels that are not followed"));
      }
      joined.layout.insert(joined.layout.end(), layout.begin(), layout.end());
    }
    axes.push_back(joined);
  }
  a.set(o, o.output(), axes);
}

void stack_rule(analysis& a, const op_view& o) {
  const std::vector<std::int32_t> values = o.tensors(0);
  const std::int32_t rank = o.rank(o.output()), dim = wrapped(o.integer(1, 0), rank);
  std::vector<tracked_axis> axes;
  for (std::int32_t axis = 0; axis + 1 < rank; ++axis) {
    const std::vector<variables> layouts = layouts_on(a, values, axis);
    if (any_tracked(layouts)) axes.push_back({axis >= dim ? axis + 1 : axis, united(a, o, layouts)});
  }
  a.set(o, o.output(), axes);
}

void chunk_rule(analysis& a, const op_view& o) {
  const std::vector<variables> pieces = cut(a, o, wrapped(o.integer(2, 0), o.rank(o.tensor(0))));
  const bool equal = std::all_of(pieces.begin(), pieces.end(), [&](const variables& p) { return p.size() == pieces[0].size(); });
  if (o.ints(1).size() != 1 || !equal || (!pieces.empty() && o.integer(1, 0) != static_cast<std::int64_t>(pieces.size()))) {
    return lock_pieces(a, o, pieces, "cuts channels into unequal parts");
  }
  keep_shares(a, o, pieces);
}

void split_rule(analysis& a, const op_view& o) {
  if (o.ints(1).size() != 1) return split_with_sizes_rule(a, o);
  const std::vector<variables> pieces = cut(a, o, wrapped(o.integer(2, 0), o.rank(o.tensor(0))));
  if (pieces.size() < 2) return;  // a size of at least the extent cuts nothing, before and after
  if (!explained(o, 1, 0)) return lock_pieces(a, o, pieces, "computed size of unknown origin");
  keep_shares(a, o, pieces);
  a.follow(o, 1, 0, pieces[0]);
}

void split_with_sizes_rule(analysis& a, const op_view& o) {
  const std::vector<variables> pieces = cut(a, o, wrapped(o.integer(2, 0), o.rank(o.tensor(0))));
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto element = static_cast<std::int32_t>(i);
    if (!explained(o, 1, element)) return lock_pieces(a, o, pieces, "computed size of unknown origin");
    a.follow(o, 1, element, pieces[i]);
  }
}

void slice_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0), dim = wrapped(o.integer(1, 0), o.rank(x));
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    if (t.axis != dim) {
      kept.push_back(t);
    } else if (variables piece = sliced(a, o, t.layout); !piece.empty()) {
      kept.push_back({dim, std::move(piece)});
    }
  }
  a.set(o, o.output(), kept);
}

void narrow_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0), dim = wrapped(o.integer(1, 0), o.rank(x));
  const std::int64_t start = o.integer(2, -1), length = o.integer(3, -1);
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    if (t.axis != dim) {
      kept.push_back(t);
      continue;
    }
    if (start < 0 || length < 1 || !explained(o, 2, 0) || !explained(o, 3, 0)) {
      a.channels.lock(t.layout, o.reason("a cut of unknown origin"));
      continue;
    }
    kept.push_back({dim, part(t.layout, start, start + length)});
    if (start > 0) a.follow(o, 2, 0, part(t.layout, 0, start));
    a.follow(o, 3, 0, kept.back().layout);
  }
  a.set(o, o.output(), kept);
}

void select_rule(analysis& a, const op_view& o) {
  a.set(o, o.output(), without_axis(a, o, wrapped(o.integer(1, 0), o.rank(o.tensor(0))), "picks one channel by its number"));
}

void unbind_rule(analysis& a, const op_view& o) {
  const auto kept = without_axis(a, o, wrapped(o.integer(1, 0), o.rank(o.tensor(0))), "makes one tensor of each channel");
  for (std::int32_t out : o.get().outputs) a.set(o, out, kept);
}

// The first half times the sigmoid of the second: halves in step.
void glu_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0), dim = wrapped(o.integer(1, -1), o.rank(x));
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    kept.push_back(t);
    if (t.axis != dim) continue;
    const auto extent = static_cast<std::int64_t>(t.layout.size());
    kept.back().layout = part(t.layout, 0, extent / 2);
    a.channels.unite(kept.back().layout, part(t.layout, extent / 2, extent));
  }
  a.set(o, o.output(), kept);
}

}  // namespace sirfp::graph
