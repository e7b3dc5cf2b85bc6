#include "weight_readings.hpp"

#include <algorithm>

#include "graph_edits.hpp"

namespace sirfp::adapter {

namespace {

std::vector<std::int32_t> distinct(std::vector<std::int32_t> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<std::int32_t> ops_of(const std::vector<weight_reading>& readings) {
  std::vector<std::int32_t> ops;
  for (const weight_reading& reading : readings) ops.push_back(reading.reader->op);
  return distinct(std::move(ops));
}

}  // namespace

weight_readings::weight_readings(const captured_network& captured, const channel_graph& graph) : captured_(captured) {
  for (const consumer_site& site : graph.sites)
    for (const consumer& reader : site.consumers) readings_[reader.weight].push_back({&site, &reader});
  const std::vector<op>& ops = captured.ops.ops;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (!graph.live.at(i)) continue;
    for (const op_argument& argument : ops[i].arguments)
      for (const std::int32_t value : argument.values)
        if (value >= 0) reading_ops_[value].push_back(static_cast<std::int32_t>(i));
  }
}

bool weight_readings::computed(std::int32_t value) const {
  return captured_.ops.values.at(static_cast<std::size_t>(value)).kind == op_value::role::activation;
}

bool weight_readings::read_only_by(std::int32_t value, const std::vector<std::int32_t>& ops) const {
  const std::vector<std::int32_t>& readers = reading_ops_.at(value);
  return std::all_of(readers.begin(), readers.end(), [&](std::int32_t op) { return std::binary_search(ops.begin(), ops.end(), op); });
}

// aten::batch_norm(input, weight, bias, running_mean, running_var, ...)
std::int32_t weight_readings::running_mean_of(const consumer& reader) const {
  if (reader.norm < 0) return -1;
  const op& norm = captured_.ops.ops.at(static_cast<std::size_t>(reader.norm));
  const op_argument& mean = norm.arguments.at(3);
  return mean.type == op_argument::kind::tensor ? mean.values.at(0) : -1;
}

offset_sink weight_readings::norms_or_added(const std::vector<weight_reading>& readings) const {
  std::vector<std::int32_t> norms;
  std::vector<std::int32_t> means;
  for (const weight_reading& reading : readings) {
    norms.push_back(reading.reader->norm);
    means.push_back(running_mean_of(*reading.reader));
  }
  norms = distinct(std::move(norms));
  means = distinct(std::move(means));
  const bool own_norms =
      means.front() >= 0 && std::all_of(means.begin(), means.end(), [&](std::int32_t m) { return !computed(m) && read_only_by(m, norms); });
  if (own_norms) return {offset_sink::kind::running_mean, means, ""};
  for (const std::int32_t op : ops_of(readings)) {
    const std::string& name = captured_.ops.ops.at(static_cast<std::size_t>(op)).name;
    if (bias_argument(name) < 0) return {offset_sink::kind::none, {}, name + " takes no bias"};
  }
  return {offset_sink::kind::added_bias, {}, ""};
}

offset_sink weight_readings::sink_of(std::int32_t weight) const {
  const std::vector<weight_reading>& readings = readings_.at(weight);
  const std::vector<std::int32_t> ops = ops_of(readings);
  if (computed(weight)) return {offset_sink::kind::none, {}, "the weight is computed"};
  if (!read_only_by(weight, ops)) return {offset_sink::kind::none, {}, "an operator that is not a dense consumer reads the weight too"};
  std::vector<std::int32_t> biases;
  for (const weight_reading& reading : readings) biases.push_back(reading.reader->bias);
  biases = distinct(std::move(biases));
  if (biases.back() < 0) return norms_or_added(readings);
  if (biases.front() < 0) return {offset_sink::kind::none, {}, "only some of its consumers have a bias"};
  for (const std::int32_t bias : biases) {
    if (computed(bias)) return {offset_sink::kind::none, {}, "its bias is computed"};
    if (!read_only_by(bias, ops)) return {offset_sink::kind::none, {}, "its bias is shared with another operator"};
  }
  return {offset_sink::kind::bias, biases, ""};
}

}  // namespace sirfp::adapter
