// analyse_channels: rules over the live operators, then groups, then what is read off them.
#include <algorithm>
#include <map>
#include <tuple>

#include "graph/analysis.hpp"
#include "graph/groups.hpp"
#include "graph/liveness.hpp"
#include "sirfp/channel_graph.hpp"

namespace sirfp {
namespace graph {
namespace {

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

void lock_traps(const op_list& network, const liveness& flow, analysis& a) {
  for (std::int32_t writer : flow.traps) {
    const op_view o(network, writer);
    const std::string reason = o.reason("writes into a tensor that is read under an older name");
    for (std::int32_t v : o.all_tensors()) a.lock_value(v, reason);
    const std::int32_t memory = flow.memory[at(o.tensor(0))];
    for (std::size_t v = 0; v < flow.memory.size(); ++v) {
      if (flow.memory[v] == memory) a.lock_value(static_cast<std::int32_t>(v), reason);
    }
  }
}

void lock_outputs(const op_list& network, analysis& a) {
  std::vector<std::string> place(network.values.size());
  for (const op& o : network.ops) {
    for (std::int32_t v : o.outputs) place[at(v)] = o.place.empty() ? o.name : o.place;
  }
  for (std::int32_t v : network.outputs) a.lock_value(v, "network output at " + place[at(v)]);
}

// The operator that alone reads a value, -1 if several do or the network gives it out.
std::vector<std::int32_t> sole_readers(const op_list& network, const std::vector<std::uint8_t>& live) {
  constexpr std::int32_t none = -1, several = -2;
  std::vector<std::int32_t> reader(network.values.size(), none);
  for (std::size_t i = 0; i < network.ops.size(); ++i) {
    if (!live[i]) continue;
    for (const op_argument& a : network.ops[i].arguments) {
      for (std::int32_t v : a.values) {
        if (v >= 0) reader[at(v)] = reader[at(v)] == none ? static_cast<std::int32_t>(i) : several;
      }
    }
  }
  for (std::int32_t v : network.outputs) reader[at(v)] = several;
  std::replace(reader.begin(), reader.end(), several, none);
  return reader;
}

class reading {
 public:
  reading(const op_list& network, analysis& a, const liveness& flow, const std::vector<std::string>& patterns)
      : network_(network),
        a_(a),
        live_(flow.live),
        groups_(form_groups(network, a, tensors(), patterns)),
        reader_(sole_readers(network, flow.live)) {}

  channel_graph run() {
    made_.groups = groups_.groups;
    made_.live = live_;
    put_layouts();
    for (const dense_producer& p : a_.producers) put_layer(p);
    for (const site_read& s : a_.sites) put_site(s);
    for (const auto& [where, follows] : a_.carried) {
      if (groups_.shows(follows.layout))
        made_.parameters.push_back({where.first, where.second, follows.blocks, groups_.layout(follows.layout)});
    }
    for (const literal_rule& r : a_.literals) {
      if (!groups_.shows(r.layout)) continue;
      channel_layout layout = groups_.layout(r.layout);
      if (can_change(layout)) made_.extents.push_back({r.op, r.argument, r.element, r.factor, std::move(layout)});
    }
    return std::move(made_);
  }

 private:
  std::vector<variables> tensors() {
    std::vector<variables> found;
    for (std::size_t v = 0; v < network_.values.size(); ++v) {
      if (network_.values[v].kind != op_value::role::activation) continue;
      for (const tracked_axis& t : a_.axes(static_cast<std::int32_t>(v))) found.push_back(t.layout);
    }
    return found;
  }

  bool can_change(const channel_layout& layout) const {
    return std::any_of(layout.begin(), layout.end(), [this](const channel_ref& r) { return !groups_.groups[at(r.group)].locked; });
  }

  void put_layouts() {
    made_.layouts.resize(network_.values.size());
    made_.channel_axis.assign(network_.values.size(), -1);
    for (std::size_t v = 0; v < network_.values.size(); ++v) {
      if (network_.values[v].kind != op_value::role::activation) continue;
      const auto& axes = a_.axes(static_cast<std::int32_t>(v));
      if (axes.empty()) continue;
      made_.channel_axis[v] = axes[0].axis;
      made_.layouts[v] = groups_.layout(axes[0].layout);
    }
  }

  // The BatchNorm that alone reads a value, -1: none.
  std::int32_t norm_of(std::int32_t value) const {
    const std::int32_t reader = reader_[at(value)];
    if (reader < 0) return -1;
    const op_view o(network_, reader);
    return o.name() == "aten::batch_norm" && o.tensor(0) == value ? reader : -1;
  }

  void put_layer(const dense_producer& p) {
    observed_layer layer{layer_names_(network_.ops[at(p.op)].place), p.op, p.op, p.value, p.axis, groups_.layout(p.layout)};
    if (const std::int32_t norm = norm_of(p.value); norm >= 0) {
      layer.observed = norm;
      layer.value = network_.ops[at(norm)].outputs[0];
      layer.axis = 1;
    }
    made_.layers.push_back(std::move(layer));
  }

  void put_site(const site_read& s) {
    const auto [entry, fresh] = site_of_.try_emplace({s.value, s.axis, s.first, s.layout.size()}, made_.sites.size());
    const op& o = network_.ops[at(s.reader.op)];
    if (fresh) {
      const std::string name = s.reader.block == 0 ? site_names_(o.place) : last_site_name_;
      last_site_name_ = name;
      const bool grouped = s.reader.blocks > 1;
      made_.sites.push_back(
          {grouped ? name + "/" + std::to_string(s.reader.block) : name, s.value, s.axis, s.first, groups_.layout(s.layout), {}});
    }
    consumer reader = s.reader;
    reader.norm = norm_of(o.outputs[0]);
    made_.sites[entry->second].consumers.push_back(reader);
  }

  const op_list& network_;
  analysis& a_;
  const std::vector<std::uint8_t>& live_;
  grouping groups_;
  std::vector<std::int32_t> reader_;
  unique_names layer_names_, site_names_;
  std::string last_site_name_;
  std::map<std::tuple<std::int32_t, std::int32_t, std::int64_t, std::size_t>, std::size_t> site_of_;
  channel_graph made_;
};

}  // namespace
}  // namespace graph

channel_graph analyse_channels(const op_list& network, const channel_graph_options& options) {
  const graph::liveness flow = graph::find_live(network);
  graph::analysis a(network);
  for (std::size_t i = 0; i < network.ops.size(); ++i) {
    if (flow.live[i]) a.visit(static_cast<std::int32_t>(i));
  }
  graph::lock_traps(network, flow, a);
  graph::lock_outputs(network, a);
  return graph::reading(network, a, flow, options.lock).run();
}

channel_mask full_mask(const channel_graph& graph) {
  channel_mask mask;
  for (const channel_group& g : graph.groups) mask.emplace_back(static_cast<std::size_t>(g.channels), std::uint8_t{1});
  return mask;
}

bool is_kept(channel_ref channel, const channel_mask& mask) {
  return channel.group < 0 || mask.at(static_cast<std::size_t>(channel.group)).at(static_cast<std::size_t>(channel.channel)) != 0;
}

std::int64_t kept_count(const channel_layout& layout, const channel_mask& mask) {
  return std::count_if(layout.begin(), layout.end(), [&](channel_ref channel) { return is_kept(channel, mask); });
}

}  // namespace sirfp
