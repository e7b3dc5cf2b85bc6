#include "sirfp/cost.hpp"

#include <algorithm>
#include <set>

#include "graph/op_view.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

using graph::op_view;

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

network_cost& operator+=(network_cost& a, const network_cost& b) {
  a.flops += b.flops;
  a.parameters += b.parameters;
  a.activations += b.activations;
  return a;
}

network_cost& operator-=(network_cost& a, const network_cost& b) {
  a.flops -= b.flops;
  a.parameters -= b.parameters;
  a.activations -= b.activations;
  return a;
}

network_cost operator*(double s, const network_cost& c) { return {s * c.flops, s * c.parameters, s * c.activations}; }

double elements(const op_list& network, std::int32_t value) { return static_cast<double>(graph::product(network.values[at(value)].shape)); }

// A tensor's layout where its channels stand on `axis`.
const channel_layout* layout_on(const channel_graph& g, std::int32_t value, std::int32_t axis) {
  return g.channel_axis[at(value)] == axis ? &g.layouts[at(value)] : nullptr;
}

struct products {
  double flops = 0;
  std::vector<const channel_layout*> factors;
};

// Multiply-adds: every output element (transposed: every input element) times the weights that it meets.
products convolution_products(const op_list& network, const channel_graph& g, const op_view& o) {
  const graph::convolution_arguments c = graph::convolution_of(o);
  const std::int64_t in = o.extent(c.input, c.axis);
  const bool depthwise = c.groups > 1 && c.groups == in;
  const double weights = elements(network, c.weight), side = static_cast<double>(c.transposed ? in : o.extent(c.weight, 0));
  products p{2 * elements(network, c.transposed ? c.input : o.output()) * weights / side, {layout_on(g, o.output(), c.axis)}};
  if (!depthwise) p.factors.push_back(layout_on(g, c.input, c.axis));
  return p;
}

// x [..., K] times a matrix, or a batch of matrices: 2 K for every output element.
products matrix_products(const op_list& network, const channel_graph& g, const op_view& o, std::int32_t x) {
  const std::int32_t last = o.rank(x) - 1;
  products p{2 * elements(network, o.output()) * static_cast<double>(last < 0 ? 1 : o.extent(x, last)), {}};
  p.factors = {layout_on(g, o.output(), o.rank(o.output()) - 1), layout_on(g, x, last)};
  return p;
}

// softmax(Q K^T) V
products attention_products(const op_list& network, const op_view& o) {
  const std::int32_t q = o.tensor(0), k = o.tensor(1), v = o.tensor(2);
  const auto keys = static_cast<double>(o.extent(k, o.rank(k) - 2)), wide = static_cast<double>(o.extent(q, o.rank(q) - 1));
  return {2 * elements(network, q) / wide * keys * (wide + static_cast<double>(o.extent(v, o.rank(v) - 1))), {}};
}

products products_of(const op_list& network, const channel_graph& g, const op_view& o) {
  const std::string_view name = o.name();
  if (graph::is_convolution(name)) return convolution_products(network, g, o);
  if (name == "aten::linear" || name == "aten::matmul" || name == "aten::mm" || name == "aten::bmm")
    return matrix_products(network, g, o, o.tensor(0));
  if (name == "aten::addmm" || name == "aten::baddbmm") return matrix_products(network, g, o, o.tensor(1));
  if (name == "aten::scaled_dot_product_attention") return attention_products(network, o);
  return {};
}

}  // namespace

cost_model::cost_model(const op_list& network, const channel_graph& graph) {
  for (std::size_t i = 0; i < network.ops.size(); ++i) {
    if (!graph.live[i]) continue;
    const auto op = static_cast<std::int32_t>(i);
    add_products(network, graph, op);
    for (std::int32_t out : network.ops[i].outputs) add(graph, op, {0, 0, elements(network, out)}, {&graph.layouts[at(out)]});
  }
  add_parameters(network, graph);
  index_occurrences(graph);
}

void cost_model::add_products(const op_list& network, const channel_graph& graph, std::int32_t op) {
  const products p = products_of(network, graph, op_view(network, op));
  if (p.flops > 0) add(graph, op, {p.flops, 0, 0}, p.factors);
}

// A tensor that several operators read counts once, with the first.
void cost_model::add_parameters(const op_list& network, const channel_graph& graph) {
  std::map<std::int32_t, std::vector<const channel_layout*>> axes;
  for (const parameter_axis& p : graph.parameters) axes[p.value].push_back(&p.layout);
  std::set<std::int32_t> counted;
  for (std::size_t i = 0; i < network.ops.size(); ++i) {
    if (!graph.live[i]) continue;
    for (std::int32_t v : op_view(network, static_cast<std::int32_t>(i)).all_tensors()) {
      if (network.values[at(v)].kind != op_value::role::parameter || !counted.insert(v).second) continue;
      add(graph, static_cast<std::int32_t>(i), {0, elements(network, v), 0}, axes[v]);
    }
  }
}

// `dense` is the cost at full width: each factor scales it by kept / all.
void cost_model::add(const channel_graph& graph, std::int32_t op, const network_cost& dense,
                     const std::vector<const channel_layout*>& factors) {
  term t{op, {}, dense, 1};
  for (const channel_layout* factor : factors) {
    const std::int32_t id = factor ? layout_id(graph, *factor) : -1;
    if (id < 0) continue;
    t.layouts.push_back(id);
    t.divisor *= static_cast<double>(factor->size());
  }
  terms_.push_back(std::move(t));
}

std::int32_t cost_model::layout_id(const channel_graph& graph, const channel_layout& layout) {
  if (std::all_of(layout.begin(), layout.end(), [&](const channel_ref& r) { return graph.groups[at(r.group)].locked; })) return -1;
  std::vector<std::pair<std::int32_t, std::int32_t>> key;
  for (const channel_ref& r : layout) key.emplace_back(r.group, r.channel);
  const auto [entry, fresh] = layout_ids_.try_emplace(std::move(key), static_cast<std::int32_t>(layouts_.size()));
  if (fresh) layouts_.push_back(layout);
  return entry->second;
}

void cost_model::index_occurrences(const channel_graph& graph) {
  for (const channel_group& g : graph.groups) occurrences_.emplace_back(static_cast<std::size_t>(g.channels));
  for (std::size_t l = 0; l < layouts_.size(); ++l) {
    for (const channel_ref& r : layouts_[l]) {
      std::vector<occurrence>& seen = occurrences_[at(r.group)][at(r.channel)];
      if (seen.empty() || seen.back().layout != static_cast<std::int32_t>(l)) seen.push_back({static_cast<std::int32_t>(l), 0});
      ++seen.back().times;
    }
  }
  terms_of_layout_.resize(layouts_.size());
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    for (std::int32_t l : terms_[t].layouts) terms_of_layout_[at(l)].push_back(static_cast<std::int32_t>(t));
  }
}

network_cost cost_model::value_of(const term& t, const std::vector<std::int64_t>& widths) const {
  double width = 1;
  for (std::int32_t l : t.layouts) width *= static_cast<double>(widths[at(l)]);
  const network_cost whole = width * t.coefficient;
  return {whole.flops / t.divisor, whole.parameters / t.divisor, whole.activations / t.divisor};
}

std::vector<std::int64_t> cost_model::widths_of(const channel_mask& mask) const {
  std::vector<std::int64_t> widths;
  for (const channel_layout& layout : layouts_) widths.push_back(kept_count(layout, mask));
  return widths;
}

network_cost cost_model::evaluate(const channel_mask& mask) const {
  const std::vector<std::int64_t> widths = widths_of(mask);
  network_cost sum;
  for (const term& t : terms_) sum += value_of(t, widths);
  return sum;
}

std::vector<op_cost> cost_model::per_op(const channel_mask& mask) const {
  const std::vector<std::int64_t> widths = widths_of(mask);
  std::map<std::int32_t, network_cost> sums;
  for (const term& t : terms_) sums[t.op] += value_of(t, widths);
  std::vector<op_cost> costs;
  costs.reserve(sums.size());
  for (const auto& [op, cost] : sums) costs.push_back({op, cost});
  return costs;
}

cost_model::cursor::cursor(const cost_model& model, channel_mask mask)
    : model_(&model),
      mask_(std::move(mask)),
      widths_(model.widths_of(mask_)),
      visited_(model.terms_.size(), 0),
      cost_(model.evaluate(mask_)) {}

void cost_model::cursor::remove(std::int32_t group, std::int32_t channel) { change(group, channel, -1); }
void cost_model::cursor::restore(std::int32_t group, std::int32_t channel) { change(group, channel, 1); }

void cost_model::cursor::change(std::int32_t group, std::int32_t channel, std::int64_t sign) {
  std::uint8_t& kept = mask_[at(group)][at(channel)];
  SIRFP_EXPECTS((kept != 0) == (sign < 0), "channel ", channel, " of group ", group, " is ", kept ? "kept" : "removed", " already");
  const std::vector<occurrence>& seen = model_->occurrences_[at(group)][at(channel)];
  // Terms that see the channel leave the sum with their old value and come back with the new one, each once.
  const auto for_each_term = [&](auto act) {
    ++changes_;
    for (const occurrence& o : seen) {
      for (std::int32_t t : model_->terms_of_layout_[at(o.layout)]) {
        if (visited_[at(t)] == changes_) continue;
        visited_[at(t)] = changes_;
        act(model_->terms_[at(t)]);
      }
    }
  };
  for_each_term([&](const term& t) { cost_ -= model_->value_of(t, widths_); });
  for (const occurrence& o : seen) widths_[at(o.layout)] += sign * o.times;
  for_each_term([&](const term& t) { cost_ += model_->value_of(t, widths_); });
  kept = sign > 0 ? 1 : 0;
}

}  // namespace sirfp
