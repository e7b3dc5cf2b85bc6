#include "graph/channel_union.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "sirfp/expects.hpp"

namespace sirfp::graph {

variables channel_union::make(std::int64_t count) {
  variables fresh(static_cast<std::size_t>(count));
  std::iota(fresh.begin(), fresh.end(), size());
  parent_.insert(parent_.end(), fresh.begin(), fresh.end());
  notes_.resize(parent_.size());
  return fresh;
}

variable channel_union::find(variable v) const {
  while (parent_[static_cast<std::size_t>(v)] != v) {
    variable& up = parent_[static_cast<std::size_t>(v)];
    up = parent_[static_cast<std::size_t>(up)];
    v = up;
  }
  return v;
}

// The older variable stays the root, so that classes keep the order in which the network makes them.
void channel_union::unite(variable a, variable b) {
  a = find(a);
  b = find(b);
  if (a == b) return;
  if (b < a) std::swap(a, b);
  parent_[static_cast<std::size_t>(b)] = a;
  lock_note& kept = notes_[static_cast<std::size_t>(a)];
  lock_note& other = notes_[static_cast<std::size_t>(b)];
  if (other.order >= 0 && (kept.order < 0 || other.order < kept.order)) kept = std::move(other);
}

void channel_union::unite(const variables& a, const variables& b) {
  SIRFP_EXPECTS(a.size() == b.size(), "op list: ", a.size(), " channels meet ", b.size());
  for (std::size_t i = 0; i < a.size(); ++i) unite(a[i], b[i]);
}

void channel_union::lock(variable v, const std::string& reason) {
  lock_note& at = notes_[static_cast<std::size_t>(find(v))];
  if (at.order < 0) at = {locks_, reason};
  ++locks_;
}

void channel_union::lock(const variables& layout, const std::string& reason) {
  for (variable v : layout) lock(v, reason);
}

bool channel_union::all_locked(const variables& layout) const {
  return std::all_of(layout.begin(), layout.end(), [this](variable v) { return locked(v); });
}

}  // namespace sirfp::graph
