#include "bad_features.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <string_view>
#include <tuple>

#include "sirfp/device_notes.hpp"

namespace sirfp::adapter {
namespace {

std::size_t image_of_row(const std::vector<std::string>& names, std::int64_t row, std::int64_t rows) {
  const auto image = static_cast<std::size_t>(row * static_cast<std::int64_t>(names.size()) / std::max<std::int64_t>(1, rows));
  return std::min(image, names.size() - 1);
}

// The first of what is found, in the order in which a CPU would have met it.
class first_finding {
 public:
  first_finding(const captured_network& captured, const std::vector<std::string>& names) : captured_(captured), names_(names) {}

  template <class State>
  void look_at(const State& state, const observed_place& at) {
    try {
      sirfp::expect_sound_sync(state.notes);
    } catch (const non_finite_error& error) {
      take(bad_feature(captured_, at, names_, error.image_in_batch, state.images), at, error.image_in_batch, state.images);
    } catch (const beyond_fp32_error& error) {
      const char* held = "values that leave the range of fp32 once they are weighted or centred";
      take(bad_feature(captured_, at, names_, error.image_in_batch, state.images, held), at, error.image_in_batch, state.images);
    } catch (const invalid_argument&) {
      if (!bad_weight_) bad_weight_ = std::current_exception();
    }
  }

  void raise() const {
    if (found_) throw bad_feature_error(*found_);
    if (bad_weight_) std::rethrow_exception(bad_weight_);
  }

 private:
  void take(const bad_feature_error& found, const observed_place& at, std::int64_t row, std::int64_t rows) {
    const bool behind_operator = std::string_view(at.what) == "layer";
    const auto turn = std::tuple(image_of_row(names_, row, rows), at.op, behind_operator);
    if (found_ && turn_ <= turn) return;
    turn_ = turn;
    found_ = found;
  }

  const captured_network& captured_;
  const std::vector<std::string>& names_;
  std::tuple<std::size_t, std::int32_t, bool> turn_;
  std::optional<bad_feature_error> found_;
  std::exception_ptr bad_weight_;
};

}  // namespace

bad_feature_error bad_feature(const captured_network& captured, const observed_place& at, const std::vector<std::string>& names,
                              std::int64_t row, std::int64_t rows, const char* held) {
  const std::string& image = names.at(image_of_row(names, row, rows));
  const op& maker = captured.ops.ops.at(static_cast<std::size_t>(at.op));
  return {text("feature map of ", at.what, " ", at.name, " (", maker.name, ", image ", image, ") holds ", held), image};
}

void expect_sound_sync(const calibration_state& state, const captured_network& captured, const channel_graph& graph,
                       const std::vector<std::string>& names) {
  if (names.empty()) return;
  first_finding finding(captured, names);
  for (const observed_layer& layer : graph.layers) {
    const observed_place at{"layer", layer.name, layer.observed};
    if (const auto found = state.layers.find(layer.name); found != state.layers.end()) finding.look_at(found->second, at);
    if (const auto found = state.edges.find(layer.name); found != state.edges.end()) finding.look_at(found->second, at);
  }
  for (const consumer_site& site : graph.sites)
    if (const auto found = state.sites.find(site.name); found != state.sites.end())
      finding.look_at(found->second, {"input", site.name, site.consumers.front().op});
  finding.raise();
}

}  // namespace sirfp::adapter
