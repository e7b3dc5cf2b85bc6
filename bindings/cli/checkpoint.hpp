// STATE.partial: what an interrupted observe leaves, and how the next one goes on from it as if nothing had happened.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "images.hpp"
#include "options.hpp"
#include "session.hpp"
#include "sirfp/calibration_state.hpp"

namespace sirfp::cli {

class checkpoint {
 public:
  // `run` records what the order of the sums depends on beyond the state's options: batches and locks.
  checkpoint(const std::filesystem::path& state_path, double interval_seconds, json run);
  const std::filesystem::path& path() const noexcept { return partial_; }

  // The partial state, if there is one. Throws invalid_argument with the first difference from `fresh`, the state that would be started
  // now.
  std::optional<calibration_state> resume(const session& opened, const calibration_state& fresh) const;
  // Saves when the interval is over; writing takes at most a twentieth of the time.
  void offer(calibration_state& state);
  void save(calibration_state& state);  // its options are extended while it is written, then restored
  void remove() const;

 private:
  using clock = std::chrono::steady_clock;
  std::filesystem::path partial_;
  double interval_;
  json run_;
  clock::time_point saved_ = clock::now();
};

// What observe would do with a folder: the batches by name, and the locks.
json run_record(const image_folder& images, const std::vector<std::string>& lock);

}  // namespace sirfp::cli
