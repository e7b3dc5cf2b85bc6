// The checks that the observation kernels share. Backends rely on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sirfp/context.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/features.hpp"

namespace sirfp::entry {

// The context has what it needs, and the view names memory that the backend can read: positive extents (images may be 0), offsets that fit
// 64 bits, a pointer.
void check_features(const context& ctx, const feature_view& features);
// A pointer is aligned to its elements: a GPU faults on others, and is lost to the whole process.
void check_alignment(std::string_view what, const void* data, std::size_t bytes);
// Every weight is finite and not negative. Reads them, so only on the host; a device backend checks its own.
void check_weights(const feature_view& features, const pixel_weights& weights);
// `what` names the state in the error text.
void check_same_channels(std::string_view what, std::int64_t state, std::int64_t other);
// An empty buffer for notes becomes one of zeros where the backend takes notes.
void prepare_notes(const context& ctx, buffer& notes);
void merge_notes(const context& ctx, buffer& into, const buffer& from, std::int64_t images_before);
void check_space(std::string_view what, memory_space state, memory_space backend);

// The readings that have images, once all have passed; `check_state(state, channels)` is the caller's. Of an empty state that comes
// several times the first reading says the width.
template <class Reading, class Check>
std::vector<Reading> checked_readings(const context& ctx, std::span<const Reading> readings, const Check& check_state) {
  std::vector<Reading> checked;
  for (const Reading& reading : readings) {
    SIRFP_EXPECTS(reading.state != nullptr, "reading of ", reading.features.channels, " channels without a state");
    check_features(ctx, reading.features);
    check_state(*reading.state, reading.features.channels);
    if (reading.features.images == 0) continue;
    check_weights(reading.features, reading.weights);
    for (const Reading& other : checked)
      if (other.state == reading.state) check_same_channels("new", other.features.channels, reading.features.channels);
    checked.push_back(reading);
  }
  return checked;
}

}  // namespace sirfp::entry
