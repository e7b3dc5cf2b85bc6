#include "cut_network.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "added_biases.hpp"
#include "slices.hpp"
#include "slim.hpp"

namespace sirfp::adapter {
namespace {

plan plan_of(const captured_network& captured, const channel_graph& graph, const channel_mask& mask) {
  plan made = make_plan(captured.ops, graph, {}, {mask, {}, {}, {}});
  made.network = captured.fingerprint;
  return made;
}

// The rebuilt network as passes take it.
network on_device_of(const network& net, const rebuilt_network& built) {
  network placed;
  placed.module = built.module;
  placed.graph = built.graph;
  placed.place = std::make_shared<placement>(net.place->device());
  return placed;
}

}  // namespace

cut_network::cut_network(const network& net, const captured_network& captured, const channel_graph& graph, const channel_mask& mask)
    : captured_(captured),
      graph_(graph),
      mask_(mask),
      plan_(plan_of(captured, graph, mask)),
      built_(rebuild_slim(net, captured, graph, plan_, {})),
      code_(std::make_shared<const program>(compile(on_device_of(net, built_)))) {}

// A grouped convolution has a site a group, each with as many kept positions as the others.
at::Tensor cut_network::site_in(const at::Tensor& tensor, const consumer_site& site) const {
  const auto kept = static_cast<std::int64_t>(kept_positions(site.layout, mask_).size());
  return tensor.narrow(site.axis, site.first / static_cast<std::int64_t>(site.layout.size()) * kept, kept);
}

std::vector<argument_override> cut_network::overrides(const consumer& reader, const compensated_weights& weights) const {
  std::vector<argument_override> here;
  for (const parameter_reading& reading : parameter_readings(captured_, reader, weights))
    here.push_back({twin_of(reading.node), reading.argument, slim(reading.name, reader, weights)});
  return here;
}

at::Tensor cut_network::slim(const std::string& name, const consumer& reader, const compensated_weights& weights) const {
  const at::Tensor& whole = weights.tensors.at(name);
  const std::string& weight = captured_.ops.values.at(static_cast<std::size_t>(reader.weight)).name;
  if (const auto added = weights.added_biases.find(weight); added != weights.added_biases.end() && added->second == name)
    return bias_tensors(captured_, graph_, {{{name, whole}}, {{weight, name}}, {}}, &mask_).front().value;
  std::vector<parameter_slice> slices;
  std::ranges::copy_if(plan_.slices, std::back_inserter(slices), [&](const parameter_slice& slice) { return slice.parameter == name; });
  return sliced(whole, slices);
}

}  // namespace sirfp::adapter
