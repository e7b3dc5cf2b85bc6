// Merging of calibration states; how they are saved is in calibration_file.cpp.
#include "sirfp/calibration_state.hpp"

#include <algorithm>
#include <set>

#include "json_field.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

// Options are compared as JSON, so that spaces do not matter; the first key that differs is named.
void expect_same_options(const std::string& here, const std::string& there) {
  if (here == there) return;
  const json_value a = here.empty() ? json_value::object() : parse_json(here, "this state: options");
  const json_value b = there.empty() ? json_value::object() : parse_json(there, "the other state: options");
  SIRFP_EXPECTS(a.is_object() && b.is_object(), "merge: options ", here, " here, ", there, " in the other state");
  const auto shown = [](const json_value& options, const std::string& key) {
    return options.contains(key) ? options.at(key).dump() : "absent";
  };
  std::set<std::string> keys;
  for (const auto& [key, ignored] : a.items()) keys.insert(key);
  for (const auto& [key, ignored] : b.items()) keys.insert(key);
  for (const std::string& key : keys)
    SIRFP_EXPECTS(a.contains(key) && b.contains(key) && a.at(key) == b.at(key), "merge: option ", key, ": ", shown(a, key), " here, ",
                  shown(b, key), " in the other state");
}

// A state that has counted nothing takes what comes; any other must have the same entries of the same width.
template <class State>
void expect_same_entries(const char* kind, bool fresh, const std::map<std::string, State>& here,
                         const std::map<std::string, State>& there) {
  if (fresh && here.empty()) return;
  for (const auto& [name, state] : there) {
    const auto found = here.find(name);
    SIRFP_EXPECTS(found != here.end(), "merge: ", kind, " ", name, " is in the other state only");
    SIRFP_EXPECTS(found->second.channels == state.channels || found->second.channels == 0, "merge: ", kind, " ", name, ": ",
                  found->second.channels, " channels here, ", state.channels, " in the other state");
  }
  for (const auto& [name, ignored] : here) SIRFP_EXPECTS(there.contains(name), "merge: ", kind, " ", name, " is not in the other state");
}

void expect_means(const char* which, const calibration_state& state) {
  for (const auto& [name, layer] : state.layers)
    SIRFP_EXPECTS(layer.mode == accumulation::mean, "merge: layer ", name, " of ", which,
                  " is a moving average (ema), which depends on the order of the images: expected an exact mean");
}

void expect_mergeable(const calibration_state& state, const calibration_state& other) {
  const auto difference = first_difference(state.network, other.network, "the other state");
  SIRFP_EXPECTS(!difference, "merge: the states are of different networks: ", difference.value_or(""));
  expect_same_options(state.options, other.options);
  expect_means("this state", state);
  expect_means("the other state", other);
  const std::set<std::string> counted(state.images.begin(), state.images.end());
  for (const std::string& image : other.images) SIRFP_EXPECTS(!counted.contains(image), "merge: both states have counted image ", image);
  const bool fresh = state.images.empty();
  expect_same_entries("layer", fresh, state.layers, other.layers);
  expect_same_entries("edge score of layer", fresh, state.edges, other.edges);
  expect_same_entries("site", fresh, state.sites, other.sites);
}

void merge_pending(calibration_state& state, const calibration_state& other) {
  std::vector<std::string> all = std::move(state.pending);
  all.insert(all.end(), other.pending.begin(), other.pending.end());
  std::set<std::string> seen(state.images.begin(), state.images.end());  // what one has counted the other need not
  state.pending.clear();
  for (std::string& image : all)
    if (seen.insert(image).second) state.pending.push_back(std::move(image));
}

}  // namespace

void merge(const context& ctx, calibration_state& state, const calibration_state& other) {
  SIRFP_EXPECTS(&state != &other, "merge: a state cannot be merged with itself");
  expect_mergeable(state, other);
  for (const auto& [name, layer] : other.layers) merge(ctx, state.layers[name], layer);
  for (const auto& [name, edge] : other.edges) merge(ctx, state.edges[name], edge);
  for (const auto& [name, site] : other.sites) merge(ctx, state.sites[name], site);
  if (state.images.empty())
    state.sensitivity = other.sensitivity;
  else if (state.sensitivity != other.sensitivity)
    state.sensitivity.clear();
  state.images.insert(state.images.end(), other.images.begin(), other.images.end());
  merge_pending(state, other);
}

}  // namespace sirfp
