// A calibration state as a safetensors file (layout: docs/numerics.md), written and read a tensor at a time.
#include <cmath>
#include <limits>

#include "fingerprint_json.hpp"
#include "json_field.hpp"
#include "sirfp/calibration_state.hpp"
#include "sirfp/device_notes.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "sirfp/safetensors.hpp"
#include "sirfp/version.hpp"

namespace sirfp {
namespace {

constexpr const char* format = "sirfp-state";
constexpr int version_written = 1;

const char* name_of(accumulation mode) { return mode == accumulation::mean ? "mean" : "ema"; }

safetensors_source source_of(const buffer& values) {
  return {"F64", {values.size()}, [&values](const safetensors_source::sink& out) {
            if (values.space() == memory_space::host)
              return out(std::as_bytes(std::span(values.data(), static_cast<std::size_t>(values.size()))));
            const std::vector<double> copy = values.to_host_sync();
            out(std::as_bytes(std::span(copy)));
          }};
}

std::string dumped(const std::filesystem::path& path, const json_value& value) {
  try {
    return value.dump();
  } catch (const json_value::exception& error) {  // a name that is not UTF-8
    throw invalid_argument(text(path.string(), ": names must be UTF-8: ", error.what()));
  }
}

json_value json_of(const sensitivity_record& record) {
  json_value groups = json_value::object();
  for (const auto& [name, points] : record.groups) {
    json_value removed = json_value::array();
    json_value error = json_value::array();
    for (const sensitivity_point& p : points) {
      removed.push_back(p.removed);
      error.push_back(p.error);
    }
    groups[name] = {{"removed", removed}, {"error", error}};
  }
  return {{"images", record.images}, {"groups", groups}};
}

std::map<std::string, std::string> metadata_of(const std::filesystem::path& path, const calibration_state& state) {
  json_value layers = json_value::object();
  json_value edges = json_value::object();
  json_value sites = json_value::object();
  for (const auto& [name, s] : state.layers) layers[name] = {{"channels", s.channels}, {"images", s.images}, {"mode", name_of(s.mode)}};
  for (const auto& [name, s] : state.edges) edges[name] = {{"channels", s.channels}, {"images", s.images}};
  for (const auto& [name, s] : state.sites) sites[name] = {{"channels", s.channels}, {"images", s.images}, {"weight", weight_sync(s)}};
  json_value sensitivity = json_value::object();
  for (const auto& [criterion, record] : state.sensitivity) sensitivity[criterion] = json_of(record);
  return {{"format", format},
          {"version", std::to_string(version_written)},
          {"sirfp", version},
          {"network", dumped(path, fingerprint_to_json(state.network))},
          {"options", state.options},
          {"images", dumped(path, state.images)},
          {"pending", dumped(path, state.pending)},
          {"layers", dumped(path, layers)},
          {"edges", dumped(path, edges)},
          {"sites", dumped(path, sites)},
          {"sensitivity", dumped(path, sensitivity)}};
}

// The file while it is read: metadata by key, tensors by name and expected size; what was not asked for is a stranger.
class state_reader {
 public:
  state_reader(const context& ctx, const std::filesystem::path& path) : ctx_(ctx), path_(path.string()), file_(path) { expect_version(); }

  const std::string& metadata(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    SIRFP_EXPECTS(found != file_.metadata().end(), path_, ": metadata ", key, " is missing");
    return found->second;
  }
  json_value json(const std::string& key) const { return parse_json(metadata(key), text(path_, ": metadata ", key)); }
  json_field field(const json_value& value, const std::string& key) const { return {value, text(path_, ": metadata ", key)}; }

  buffer tensor(const std::string& name, std::int64_t expected) {
    const auto found = file_.tensors().find(name);
    SIRFP_EXPECTS(found != file_.tensors().end(), path_, ": tensor ", name, " is missing");
    const auto& entry = found->second;
    SIRFP_EXPECTS(entry.dtype == "F64" && entry.shape == std::vector<std::int64_t>{expected}, path_, ": tensor ", name, ": expected F64 [",
                  expected, "], found ", entry.dtype, " of ", entry.end - entry.begin, " bytes");
    const std::vector<double> values = f64_values(file_.read(name));
    for (const double value : values) SIRFP_EXPECTS(std::isfinite(value), path_, ": tensor ", name, " holds a NaN or an infinity");
    ++taken_;
    return buffer::from_host(ctx_.memory, values);
  }
  void expect_all_taken() const {
    SIRFP_EXPECTS(taken_ == file_.tensors().size(), path_, ": ", file_.tensors().size() - taken_,
                  " tensors that its metadata does not name");
  }

 private:
  void expect_version() const {
    const auto found = file_.metadata().find("format");
    SIRFP_EXPECTS(found != file_.metadata().end() && found->second == format, path_, ": not a calibration state of sirfp: expected format ",
                  format, ", found ", found == file_.metadata().end() ? "none" : found->second);
    const std::string& number = metadata("version");
    if (number == std::to_string(version_written)) return;
    const bool is_number = !number.empty() && number.size() < 9 && number.find_first_not_of("0123456789") == std::string::npos;
    SIRFP_EXPECTS(!is_number || std::stoi(number) < version_written, path_, ": state of version ", number, " (written by sirfp ",
                  metadata("sirfp"), "); sirfp ", version, " reads version ", version_written);
    throw invalid_argument(text(path_, ": state of version ", number, ": expected ", version_written));
  }
  const context& ctx_;
  std::string path_;
  safetensors_reader file_;
  std::size_t taken_ = 0;
};

// The largest width whose packed triangle is counted in 64 bits without overflow is far above this.
std::int64_t count_of(const json_field& field, std::int64_t largest = std::numeric_limits<std::int32_t>::max()) {
  const std::int64_t value = field.integer();
  if (value < 0 || value > largest) field.fail(text("expected a count in 0..", largest, ", found ", value));
  return value;
}

similarity_state similarity_of(state_reader& file, const std::string& name, const json_field& field) {
  field.expect_only({"channels", "images", "mode"});
  similarity_state state;
  state.channels = count_of(field.at("channels"));
  state.images = count_of(field.at("images"));
  const std::string mode = field.at("mode").string();
  if (mode != "mean" && mode != "ema") field.at("mode").fail(text("expected mean or ema, found ", mode));
  state.mode = mode == "mean" ? accumulation::mean : accumulation::ema;
  state.matrix = file.tensor(text("similarity/", name, "/matrix"), packed_size(state.channels));
  return state;
}

edge_state edge_of(state_reader& file, const std::string& name, const json_field& field) {
  field.expect_only({"channels", "images"});
  edge_state state;
  state.channels = count_of(field.at("channels"));
  state.images = count_of(field.at("images"));
  state.sum = file.tensor(text("edge/", name, "/sum"), state.channels);
  return state;
}

moments_state moments_of(state_reader& file, const std::string& name, const json_field& field) {
  field.expect_only({"channels", "images", "weight"});
  moments_state state;
  state.channels = count_of(field.at("channels"));
  state.images = count_of(field.at("images"));
  state.host_weight = field.at("weight").number();
  if (!std::isfinite(state.host_weight) || state.host_weight < 0)
    field.at("weight").fail(text("expected a finite weight >= 0, found ", state.host_weight));
  state.mean = file.tensor(text("moments/", name, "/mean"), state.channels);
  state.scatter = file.tensor(text("moments/", name, "/scatter"), packed_size(state.channels));
  return state;
}

sensitivity_record sensitivity_of(const json_field& field) {
  field.expect_only({"images", "groups"});
  sensitivity_record record;
  record.images = count_of(field.at("images"));
  const json_field groups = field.at("groups");
  for (const std::string& name : groups.names()) {
    const json_field group = groups.at(name);
    group.expect_only({"removed", "error"});
    const std::vector<std::int64_t> removed = group.at("removed").integers();
    const std::vector<double> error = group.at("error").numbers();
    if (removed.size() != error.size())
      group.fail(text("expected as many errors as removals, found ", error.size(), " and ", removed.size()));
    auto& points = record.groups[name];
    for (std::size_t i = 0; i < removed.size(); ++i) {
      if (removed[i] <= (i == 0 ? 0 : removed[i - 1])) group.at("removed").fail("expected ascending counts above 0");
      if (!std::isfinite(error[i]) || error[i] < 0) group.at("error").fail(text("expected finite errors >= 0, found ", error[i]));
      points.push_back({removed[i], error[i]});
    }
  }
  return record;
}

template <class State>
void read_entries(state_reader& file, const std::string& key, State (*read)(state_reader&, const std::string&, const json_field&),
                  std::map<std::string, State>& into) {
  const json_value entries = file.json(key);
  const json_field field = file.field(entries, key);
  for (const std::string& name : field.names()) into.emplace(name, read(file, name, field.at(name)));
}

}  // namespace

void save_state(const std::filesystem::path& path, const calibration_state& state) {
  for (const auto& [name, s] : state.layers) expect_sound_sync(s.notes);
  for (const auto& [name, s] : state.edges) expect_sound_sync(s.notes);
  for (const auto& [name, s] : state.sites) expect_sound_sync(s.notes);
  std::map<std::string, safetensors_source> tensors;
  for (const auto& [name, s] : state.layers) tensors[text("similarity/", name, "/matrix")] = source_of(s.matrix);
  for (const auto& [name, s] : state.edges) tensors[text("edge/", name, "/sum")] = source_of(s.sum);
  for (const auto& [name, s] : state.sites) {
    tensors[text("moments/", name, "/mean")] = source_of(s.mean);
    tensors[text("moments/", name, "/scatter")] = source_of(s.scatter);
  }
  write_safetensors(path, metadata_of(path, state), tensors);
}

calibration_state load_state(const context& ctx, const std::filesystem::path& path) {
  state_reader file(ctx, path);
  calibration_state state;
  const json_value network = file.json("network");
  const json_value images = file.json("images");
  const json_value pending = file.json("pending");
  state.network = fingerprint_from_json(file.field(network, "network"));
  state.options = file.metadata("options");
  state.images = file.field(images, "images").strings();
  state.pending = file.field(pending, "pending").strings();
  read_entries(file, "layers", similarity_of, state.layers);
  read_entries(file, "edges", edge_of, state.edges);
  read_entries(file, "sites", moments_of, state.sites);
  const json_value sensitivity = file.json("sensitivity");
  const json_field criteria = file.field(sensitivity, "sensitivity");
  for (const std::string& criterion : criteria.names()) state.sensitivity.emplace(criterion, sensitivity_of(criteria.at(criterion)));
  file.expect_all_taken();
  return state;
}

}  // namespace sirfp
