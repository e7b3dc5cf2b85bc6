#include "checkpoint.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "sirfp/expects.hpp"
#include "sirfp/fingerprint.hpp"

namespace sirfp::cli {
namespace {

constexpr double least_share_of_work = 20;

// "observe/edges: true here, false in net.state.partial"
std::optional<std::string> first_difference_of(const json& here, const json& there, const std::string& called) {
  const auto value = [](const json& flat, const std::string& key) {
    return flat.contains(key) ? flat.at(key).dump() : std::string("nothing");
  };
  const json flat_here = here.flatten();
  const json flat_there = there.flatten();
  for (const json& flat : {flat_here, flat_there}) {
    for (const auto& [key, unused] : flat.items()) {
      const std::string ours = value(flat_here, key);
      const std::string theirs = value(flat_there, key);
      if (ours != theirs) return text(key.substr(1), ": ", ours, " here, ", theirs, " in ", called);
    }
  }
  return std::nullopt;
}

json with_run(const std::string& options, const json& run) {
  json all = json::parse(options);
  all["run"] = run;
  return all;
}

}  // namespace

checkpoint::checkpoint(const std::filesystem::path& state_path, double interval_seconds, json run)
    : partial_(state_path.string() + ".partial"), interval_(interval_seconds), run_(std::move(run)) {}

std::optional<calibration_state> checkpoint::resume(const session& opened, const calibration_state& fresh) const {
  if (!std::filesystem::exists(partial_)) return std::nullopt;
  calibration_state state = load_state(opened.context, partial_);
  const std::string called = partial_.string();
  const auto network = first_difference(opened.captured.fingerprint, state.network, called);
  SIRFP_EXPECTS(!network, called, ": cannot be resumed with ", opened.net.path.string(), ": ", network.value_or(""));
  const json there = json::parse(state.options, nullptr, /*allow_exceptions=*/false);
  SIRFP_EXPECTS(there.is_object(), called, ": its options are not a JSON object");
  const auto options = first_difference_of(with_run(fresh.options, run_), there, called);
  SIRFP_EXPECTS(!options, called, ": cannot be resumed with other options or images: ", options.value_or(""));
  state.options = fresh.options;
  return state;
}

void checkpoint::offer(calibration_state& state) {
  if (std::chrono::duration<double>(clock::now() - saved_).count() >= interval_) save(state);
}

void checkpoint::save(calibration_state& state) {
  const auto start = clock::now();
  const std::string options = std::exchange(state.options, with_run(state.options, run_).dump());
  try {
    save_state(partial_, state);
  } catch (...) {
    state.options = options;
    throw;
  }
  state.options = options;
  saved_ = clock::now();
  interval_ = std::max(interval_, least_share_of_work * std::chrono::duration<double>(saved_ - start).count());
}

void checkpoint::remove() const {
  std::error_code ignored;
  std::filesystem::remove(partial_, ignored);
}

json run_record(const image_folder& images, const std::vector<std::string>& lock) {
  json batches = json::array();
  for (const image_batch& batch : images.batches()) batches.push_back(batch.names);
  return {{"batches", batches}, {"lock", lock}};
}

}  // namespace sirfp::cli
