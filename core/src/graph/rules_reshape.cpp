// view, reshape, flatten, unflatten: which axis of the result carries the channels.
//
// Axes of input and output are matched in the least segments of equal product, left to right. In a segment that merges axes, every channel
// stands at as many positions as the other axes have elements. In one that splits, one axis of the result becomes the channel axis: the one
// that the positions already depend on alone, else the one that can follow a removal, and what stands at equal places along it becomes one
// channel.
#include <algorithm>

#include "graph/rules.hpp"

namespace sirfp::graph {
namespace {

constexpr std::int64_t longest_layout = std::int64_t{1} << 22;  // a flattened feature map beyond this is locked, not followed

struct segment {
  std::vector<std::int32_t> in, out;  // axes with more than one element
};

std::vector<segment> match(const std::vector<std::int64_t>& in, const std::vector<std::int64_t>& out) {
  std::vector<segment> segments;
  std::size_t i = 0, j = 0;
  while (true) {
    while (i < in.size() && in[i] == 1) ++i;
    while (j < out.size() && out[j] == 1) ++j;
    if (i == in.size() || j == out.size()) return segments;
    segment s;
    std::int64_t left = in[i], right = out[j];
    s.in.push_back(static_cast<std::int32_t>(i++));
    s.out.push_back(static_cast<std::int32_t>(j++));
    while (left != right) {
      if (left < right && i < in.size()) {
        if (in[i] != 1) s.in.push_back(static_cast<std::int32_t>(i));
        left *= in[i++];
      } else if (left > right && j < out.size()) {
        if (out[j] != 1) s.out.push_back(static_cast<std::int32_t>(j));
        right *= out[j++];
      } else {
        return {};  // not the same number of elements
      }
    }
    segments.push_back(std::move(s));
  }
}

// Channel of every element of a segment, row-major.
variables spread(const op_view& o, std::int32_t x, const segment& s, const tracked_axis& t) {
  std::int64_t total = 1, behind = 1;
  bool after = false;
  for (std::int32_t axis : s.in) {
    total *= o.extent(x, axis);
    if (after) behind *= o.extent(x, axis);
    after = after || axis == t.axis;
  }
  const auto channels = static_cast<std::int64_t>(t.layout.size());
  variables flat;
  if (total > longest_layout) return flat;
  flat.reserve(static_cast<std::size_t>(total));
  for (std::int64_t p = 0; p < total; ++p) flat.push_back(t.layout[static_cast<std::size_t>(p / behind % channels)]);
  return flat;
}

struct stride_of_axis {
  std::size_t extent, behind;
  std::size_t index(std::size_t position) const { return position / behind % extent; }
};

stride_of_axis stride_in(const op_view& o, const segment& s, std::size_t k) {
  stride_of_axis stride{static_cast<std::size_t>(o.extent(o.output(), s.out[k])), 1};
  for (std::size_t later = k + 1; later < s.out.size(); ++later)
    stride.behind *= static_cast<std::size_t>(o.extent(o.output(), s.out[later]));
  return stride;
}

bool depends_on_alone(const analysis& a, const variables& flat, const stride_of_axis& stride) {
  for (std::size_t p = 0; p < flat.size(); ++p) {
    if (a.channels.find(flat[p]) != a.channels.find(flat[stride.index(p) * stride.behind])) return false;
  }
  return true;
}

struct target {
  std::int32_t argument = -1;  // the list of extents, -1: none to follow
  std::int32_t first = 0;      // output axis of its first element
};

// -1 adapts by itself, a computed extent may; of literals the largest.
std::size_t most_adaptable(const op_view& o, const segment& s, const target& sizes) {
  std::size_t best = 0;
  std::int64_t best_rank = -1;
  for (std::size_t k = 0; k < s.out.size(); ++k) {
    const std::int32_t element = s.out[k] - sizes.first;
    const std::vector<std::int64_t> given = o.ints(sizes.argument);
    std::int64_t rank = o.extent(o.output(), s.out[k]);
    if (element >= 0 && static_cast<std::size_t>(element) < given.size()) {
      if (given[static_cast<std::size_t>(element)] == -1) rank += 2 * longest_layout;
      if (!o.literal(sizes.argument, element)) rank += longest_layout;
    }
    if (rank >= best_rank) {
      best = k;
      best_rank = rank;
    }
  }
  return best;
}

tracked_axis through(analysis& a, const op_view& o, const segment& s, const tracked_axis& t, const target& sizes) {
  const variables flat = spread(o, o.tensor(0), s, t);
  if (flat.empty()) return a.channels.lock(t.layout, o.reason("too long to follow")), tracked_axis{};
  std::size_t k = 0;
  while (k < s.out.size() && !depends_on_alone(a, flat, stride_in(o, s, k))) ++k;
  if (k == s.out.size()) k = most_adaptable(o, s, sizes);
  const stride_of_axis stride = stride_in(o, s, k);
  tracked_axis made{s.out[k], {}};
  for (std::size_t i = 0; i < stride.extent; ++i) made.layout.push_back(flat[i * stride.behind]);
  for (std::size_t p = 0; p < flat.size(); ++p) a.channels.unite(flat[p], made.layout[stride.index(p)]);
  if (sizes.argument >= 0) {
    const std::int32_t element = made.axis - sizes.first;
    const std::vector<std::int64_t> given = o.ints(sizes.argument);
    const bool adapts = element >= 0 && static_cast<std::size_t>(element) < given.size() && given[static_cast<std::size_t>(element)] == -1;
    if (!adapts) a.follow(o, sizes.argument, element, made.layout);
  }
  return made;
}

void reshape(analysis& a, const op_view& o, const target& sizes) {
  const std::int32_t x = o.tensor(0);
  const std::vector<segment> segments = match(o.shape(x), o.shape(o.output()));
  const std::vector<tracked_axis> before = a.axes(x);
  std::vector<tracked_axis> after;
  for (const tracked_axis& t : before) {
    const auto has = [](const std::vector<std::int32_t>& axes, std::int32_t axis) {
      return std::find(axes.begin(), axes.end(), axis) != axes.end();
    };
    const auto s = std::find_if(segments.begin(), segments.end(), [&](const segment& candidate) { return has(candidate.in, t.axis); });
    const bool alone =
        s != segments.end() && std::count_if(before.begin(), before.end(), [&](const tracked_axis& u) { return has(s->in, u.axis); }) == 1;
    if (!alone) {
      a.channels.lock(t.layout, o.reason(t.layout.size() == 1 ? "reshapes a single channel" : "reshape that cannot be followed"));
      continue;
    }
    if (tracked_axis made = through(a, o, *s, t, sizes); made.axis >= 0) after.push_back(std::move(made));
  }
  a.set(o, o.output(), after);
}

// view(dtype) and the like give no extents; then the shape has to stay.
bool lists_extents(const op_view& o) {
  const std::vector<std::int64_t> given = o.ints(1);
  const std::vector<std::int64_t>& made = o.shape(o.output());
  return std::equal(given.begin(), given.end(), made.begin(), made.end(), [](auto g, auto m) { return g == -1 || g == m; });
}

}  // namespace

void view_rule(analysis& a, const op_view& o) {
  if (lists_extents(o)) return reshape(a, o, {1, 0});
  if (o.shape(o.tensor(0)) != o.shape(o.output())) return a.lock_value(o.tensor(0), o.reason("reshape that cannot be followed"));
  a.set(o, o.output(), a.axes(o.tensor(0)));
}

void flatten_rule(analysis& a, const op_view& o) { reshape(a, o, {}); }

void unflatten_rule(analysis& a, const op_view& o) { reshape(a, o, {2, wrapped(o.integer(1, 0), o.rank(o.tensor(0)))}); }

}  // namespace sirfp::graph
