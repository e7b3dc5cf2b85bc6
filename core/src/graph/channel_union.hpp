// Union-find over channel variables: which positions of which tensors must live and die together, and which of them may not die.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sirfp::graph {

using variable = std::int32_t;
using variables = std::vector<variable>;

struct lock_note {
  std::int64_t order = -1;  // locks are numbered as they are made; -1: not locked
  std::string reason;
};

class channel_union {
 public:
  variables make(std::int64_t count);
  variable find(variable v) const;
  void unite(variable a, variable b);
  void unite(const variables& a, const variables& b);  // position by position; sizes must agree
  void lock(variable v, const std::string& reason);    // the first reason stays
  void lock(const variables& layout, const std::string& reason);
  bool locked(variable v) const { return note(v).order >= 0; }
  bool all_locked(const variables& layout) const;
  const lock_note& note(variable v) const { return notes_[static_cast<std::size_t>(find(v))]; }
  std::int64_t lock_count() const { return locks_; }
  std::int32_t size() const { return static_cast<std::int32_t>(parent_.size()); }

 private:
  mutable std::vector<variable> parent_;
  std::vector<lock_note> notes_;  // valid at roots
  std::int64_t locks_ = 0;
};

}  // namespace sirfp::graph
