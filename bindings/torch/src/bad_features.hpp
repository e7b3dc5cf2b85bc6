// Whose fault a NaN is: layer or site, operator, image.
#pragma once

#include <string>
#include <vector>

#include "sirfp/adapter/observe.hpp"

namespace sirfp::adapter {

// What is observed: a layer behind the operator that makes it, a site in front of its first reader.
struct observed_place {
  const char* what = "layer";
  const std::string& name;
  std::int32_t op = -1;
};

// For row `row` of the `rows` that these images have of its map, which holds `held`: an image has several of them where attention cuts it
// into windows.
bad_feature_error bad_feature(const captured_network& captured, const observed_place& at, const std::vector<std::string>& names,
                              std::int64_t row, std::int64_t rows, const char* held = "a NaN or an infinity");

// Waits for the device and looks at the notes of all states, whose rows belong to `names`. Throws bad_feature_error for the first image,
// and there for what runs first.
void expect_sound_sync(const calibration_state& state, const captured_network& captured, const channel_graph& graph,
                       const std::vector<std::string>& names);

}  // namespace sirfp::adapter
