// Plans as JSON (docs/plan.schema.json): written for people too, so lists of numbers stay on one line.
#include <algorithm>
#include <cmath>

#include "fingerprint_json.hpp"
#include "json_field.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/plan.hpp"
#include "sirfp/version.hpp"

namespace sirfp {
namespace {

constexpr const char* format = "sirfp-plan";
constexpr int version_written = 1;

// Two spaces a level; a list or object without lists or objects inside stands on one line.
void print(const json_value& value, std::size_t depth, std::string& out) {
  const auto is_nested = [](const json_value& v) { return v.is_structured() && !v.empty(); };
  bool flat = !value.is_structured() || value.empty() || depth > 0;
  if (value.is_structured())
    for (const json_value& inner : value) flat = flat && !is_nested(inner);
  if (flat) {
    out += value.dump();
    return;
  }
  const std::string indent(2 * (depth + 1), ' ');
  out += value.is_array() ? "[" : "{";
  bool first = true;
  for (auto entry = value.begin(); entry != value.end(); ++entry) {
    out += first ? "\n" : ",\n";
    out += indent;
    if (value.is_object()) out += json_value(entry.key()).dump() + ": ";
    print(*entry, depth + 1, out);
    first = false;
  }
  out += '\n';
  out.append(2 * depth, ' ');
  out += value.is_array() ? "]" : "}";
}

json_value cost_to_json(const network_cost& cost) {
  return {{"flops", cost.flops}, {"parameters", cost.parameters}, {"activations", cost.activations}};
}

network_cost cost_from_json(const json_field& field) {
  field.expect_only({"flops", "parameters", "activations"});
  return {field.at("flops").number(), field.at("parameters").number(), field.at("activations").number()};
}

json_value object_of(const std::string& content, const char* what) {
  if (content.empty()) return json_value::object();
  json_value parsed = parse_json(content, text("plan: ", what));
  SIRFP_EXPECTS(parsed.is_object(), "plan: ", what, ": expected a JSON object, found ", parsed.type_name());
  return parsed;
}

json_value predicted_to_json(const predicted_channel& one, const plan& p) {
  json_value by = json_value::array();
  bool finite = std::isfinite(one.explained);
  for (const predictor& each : one.by) finite = finite && std::isfinite(each.weight);
  SIRFP_EXPECTS(finite, "plan: the prediction of channel ", one.channel, " is not finite");
  for (const predictor& each : one.by)
    by.push_back({{"group", p.groups.at(static_cast<std::size_t>(each.channel.group)).name},
                  {"channel", each.channel.channel},
                  {"weight", each.weight}});
  return {{"channel", one.channel}, {"explained", one.explained}, {"by", by}};
}

// Who speaks for whom is a report: nothing is computed from it, and a plan without it is as good.
predicted_channel predicted_from_json(const json_field& field, const plan& p) {
  field.expect_only({"channel", "explained", "by"});
  predicted_channel one{field.at("channel").index(), field.at("explained").number(), {}};
  const json_field by = field.at("by");
  for (std::size_t i = 0; i < by.size(); ++i) {
    by.at(i).expect_only({"group", "channel", "weight"});
    const std::string name = by.at(i).at("group").string();
    const auto group = std::find_if(p.groups.begin(), p.groups.end(), [&](const planned_group& g) { return g.name == name; });
    if (group == p.groups.end()) by.at(i).fail(text("no group ", name));
    one.by.push_back(
        {{static_cast<std::int32_t>(group - p.groups.begin()), by.at(i).at("channel").index()}, by.at(i).at("weight").number()});
  }
  return one;
}

json_value group_to_json(const planned_group& group, const plan& p) {
  for (const double value : group.marginals) SIRFP_EXPECTS(std::isfinite(value), "plan: group ", group.name, ": a marginal is not finite");
  for (const double value : group.scores) SIRFP_EXPECTS(std::isfinite(value), "plan: group ", group.name, ": a score is not finite");
  json_value written = {{"name", group.name},   {"channels", group.channels},   {"locked", group.lock_reason}, {"kept", group.kept},
                        {"order", group.order}, {"marginals", group.marginals}, {"scores", group.scores}};
  SIRFP_EXPECTS(std::isfinite(group.predicted_error.value_or(0)), "plan: group ", group.name, ": its predicted error is not finite");
  if (group.predicted_error) written["predicted_error"] = *group.predicted_error;
  for (const predicted_channel& one : group.best_predicted) written["best_predicted"].push_back(predicted_to_json(one, p));
  return written;
}

planned_group group_from_json(const json_field& field) {
  field.expect_only({"name", "channels", "locked", "kept", "order", "marginals", "scores", "predicted_error", "best_predicted"});
  planned_group group;
  group.name = field.at("name").string();
  group.channels = field.at("channels").integer();
  group.lock_reason = field.at("locked").string();
  group.kept = field.at("kept").indices();
  group.order = field.at("order").indices();
  group.marginals = field.at("marginals").numbers();
  group.scores = field.at("scores").numbers();
  if (field.object().contains("predicted_error")) group.predicted_error = field.at("predicted_error").number();
  return group;
}

json_value slice_to_json(const parameter_slice& slice) {
  return {{"parameter", slice.parameter}, {"axis", slice.axis}, {"blocks", slice.blocks}, {"kept", slice.kept}};
}

parameter_slice slice_from_json(const json_field& field) {
  field.expect_only({"parameter", "axis", "blocks", "kept"});
  return {field.at("parameter").string(), field.at("axis").index(), field.at("blocks").integer(), field.at("kept").integers()};
}

json_value literal_to_json(const literal_edit& edit) {
  return {{"op", edit.op},           {"place", edit.place}, {"argument", edit.argument},
          {"element", edit.element}, {"from", edit.from},   {"to", edit.to}};
}

literal_edit literal_from_json(const json_field& field) {
  field.expect_only({"op", "place", "argument", "element", "from", "to"});
  return {field.at("op").index(),      field.at("place").string(), field.at("argument").index(),
          field.at("element").index(), field.at("from").integer(), field.at("to").integer()};
}

template <class T>
json_value list_to_json(const std::vector<T>& values, json_value (*write)(const T&)) {
  json_value list = json_value::array();
  for (const T& value : values) list.push_back(write(value));
  return list;
}

template <class T>
std::vector<T> list_from_json(const json_field& field, T (*read)(const json_field&)) {
  std::vector<T> values;
  for (std::size_t i = 0; i < field.size(); ++i) values.push_back(read(field.at(i)));
  return values;
}

void read_predicted(const json_field& groups, plan& p) {
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (!groups.at(g).object().contains("best_predicted")) continue;
    const json_field list = groups.at(g).at("best_predicted");
    for (std::size_t i = 0; i < list.size(); ++i) p.groups[g].best_predicted.push_back(predicted_from_json(list.at(i), p));
  }
}

void expect_version(const json_field& root, const std::string& path) {
  const json_value& value = root.object();
  const bool ours = value.contains("format") && value.at("format") == format;
  SIRFP_EXPECTS(ours, path, ": not a plan of sirfp: expected \"format\": \"", format, "\"");
  const std::int64_t number = root.at("version").integer();
  SIRFP_EXPECTS(number <= version_written, path, ": plan of version ", number, "; sirfp ", version, " reads version ", version_written);
  SIRFP_EXPECTS(number == version_written, path, ": plan of version ", number, ": expected ", version_written);
}

}  // namespace

std::string to_json(const plan& p) {
  SIRFP_EXPECTS(p.version == version_written, "plan of version ", p.version, ": sirfp ", version, " writes version ", version_written);
  json_value groups = json_value::array();
  for (const planned_group& group : p.groups) groups.push_back(group_to_json(group, p));
  const json_value root = {{"format", format},
                           {"version", p.version},
                           {"input_shape", p.input_shape},
                           {"cost", {{"before", cost_to_json(p.before)}, {"after", cost_to_json(p.after)}}},
                           {"options", object_of(p.options, "options")},
                           {"provenance", object_of(p.provenance, "provenance")},
                           {"weights", {{"file", p.weights_file}, {"hash", p.weights_hash}}},
                           {"groups", groups},
                           {"slices", list_to_json(p.slices, slice_to_json)},
                           {"literals", list_to_json(p.literals, literal_to_json)},
                           {"network", fingerprint_to_json(p.network)}};
  std::string out;
  try {
    print(root, 0, out);
  } catch (const json_value::exception& error) {  // a name that is not UTF-8
    throw invalid_argument(text("plan: names must be UTF-8: ", error.what()));
  }
  return out + "\n";
}

plan plan_from_json(const std::string& json, const std::string& path) {
  const json_value parsed = parse_json(json, path);
  const json_field root(parsed, path);
  SIRFP_EXPECTS(parsed.is_object(), path, ": not a plan of sirfp: expected a JSON object, found ", parsed.type_name());
  expect_version(root, path);
  root.expect_only(
      {"format", "version", "input_shape", "cost", "options", "provenance", "weights", "groups", "slices", "literals", "network"});
  root.at("cost").expect_only({"before", "after"});
  root.at("weights").expect_only({"file", "hash"});
  plan p;
  p.version = version_written;
  p.input_shape = root.at("input_shape").integers();
  p.before = cost_from_json(root.at("cost").at("before"));
  p.after = cost_from_json(root.at("cost").at("after"));
  p.options = root.at("options").object().dump();
  p.provenance = root.at("provenance").object().dump();
  p.weights_file = root.at("weights").at("file").string();
  p.weights_hash = root.at("weights").at("hash").string();
  p.groups = list_from_json(root.at("groups"), group_from_json);
  read_predicted(root.at("groups"), p);
  p.slices = list_from_json(root.at("slices"), slice_from_json);
  p.literals = list_from_json(root.at("literals"), literal_from_json);
  p.network = fingerprint_from_json(root.at("network"));
  return p;
}

}  // namespace sirfp
