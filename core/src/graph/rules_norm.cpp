// Normalisation layers and PReLU.
#include <string>

#include "graph/rules.hpp"

namespace sirfp::graph {

// Batch and instance norm: each channel by itself, four vectors along it.
void batch_norm_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0);
  if (x < 0 || o.rank(x) < 2) {
    for (std::int32_t v : o.all_tensors()) a.lock_value(v, o.reason("expected a tensor with a channel axis"));
    return;
  }
  const variables layout = a.require(o, x, 1);
  for (std::int32_t i = 1; i <= 4; ++i) a.tie(o, o.tensor(i), 0, layout);
  a.set(o, o.output(), {{1, layout}});
}

void layer_norm_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0);
  const auto normalised = static_cast<std::int32_t>(o.ints(1).size());
  std::vector<tracked_axis> kept;
  for (const tracked_axis& t : a.axes(x)) {
    if (t.axis < o.rank(x) - normalised) {
      kept.push_back(t);
    } else {
      a.channels.lock(t.layout, o.reason("mixes channels"));
    }
  }
  for (std::int32_t i = 2; i <= 3; ++i) {
    if (o.tensor(i) >= 0) a.lock_value(o.tensor(i), o.reason("weight of a layer norm"));
  }
  a.set(o, o.output(), kept);
}

// One group per channel is an instance norm; fewer mix channels.
void group_norm_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0);
  const variables layout = a.require(o, x, 1);
  if (o.integer(1, 1) == static_cast<std::int64_t>(layout.size())) {
    a.follow(o, 1, 0, layout);
  } else {
    a.channels.lock(layout, o.reason("mixes channels"));
  }
  for (std::int32_t i = 2; i <= 3; ++i) a.tie(o, o.tensor(i), 0, layout);
  a.set(o, o.output(), {{1, layout}});
}

void prelu_rule(analysis& a, const op_view& o) {
  const std::int32_t x = o.tensor(0), weight = o.tensor(1);
  if (product(o.shape(weight)) == 1) return a.set(o, o.output(), a.axes(x));
  if (o.rank(x) < 2)
    return a.lock_value(x, o.reason("expected a tensor with a channel axis")), a.lock_value(weight, o.reason("no channel axis"));
  const variables layout = a.require(o, x, 1);
  a.tie(o, weight, 0, layout);
  a.set(o, o.output(), {{1, layout}});
}

}  // namespace sirfp::graph
