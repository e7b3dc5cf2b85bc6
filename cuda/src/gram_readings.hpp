// How readings go to their states: those that can join theirs share launches, others go one by one.
#pragma once

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "device/runtime.hpp"
#include "entry/checks.hpp"
#include "gram.hpp"
#include "gram_groups.hpp"

namespace sirfp {

// `Way` knows the kind of reading:
//   bool joins(reading, plan)                   may go to its state by a job that joins it
//   State zeroed(channels)                      gram_job job(reading, state): that job
//   device_gram_plan plan(reading)              void add_alone(reading): the other way, which takes less memory
template <class Reading, class Way>
class reading_groups {
 public:
  reading_groups(const context& ctx, const Way& way) : ctx_(ctx), way_(way) {}

  void add(std::span<const Reading> readings) {
    for (const Reading& reading : readings) {
      const auto same_state = [&](const Reading& other) { return other.state == reading.state; };
      if (std::ranges::any_of(together_, same_state)) add_together();  // its turn is after them
      const device_gram_plan plan = way_.plan(reading);
      if (way_.joins(reading, plan)) {
        together_.push_back(reading);
        plans_.push_back(plan);
      } else {
        way_.add_alone(reading);
      }
    }
    add_together();
  }

 private:
  using state_type = std::remove_pointer_t<decltype(Reading::state)>;

  void add_together() {
    const std::vector<Reading> readings = std::exchange(together_, {});
    const std::vector<device_gram_plan> plans = std::exchange(plans_, {});
    for (const std::vector<std::size_t>& group : group_grams(plans)) {
      std::vector<Reading> members;
      std::vector<device_gram_plan> theirs;
      for (const std::size_t k : group) {
        members.push_back(readings[k]);
        theirs.push_back(plans[k]);
      }
      add_group(members, theirs);
    }
  }

  void add_group(std::span<const Reading> readings, std::span<const device_gram_plan> plans) {
    try {
      return join(readings, plans);
    } catch (const device::out_of_memory&) {  // thrown before the first launch
      if (readings.size() == 1 && plans.front().images_at_once == 1) throw;
    }
    if (readings.size() == 1) return way_.add_alone(readings.front());
    for (std::size_t k = 0; k < readings.size(); ++k) add_group(readings.subspan(k, 1), plans.subspan(k, 1));
  }

  void join(std::span<const Reading> readings, std::span<const device_gram_plan> plans) {
    std::vector<state_type> fresh;
    fresh.reserve(readings.size());
    std::vector<gram_job> jobs;
    for (const Reading& reading : readings) {
      const bool empty = reading.state->channels == 0;
      if (empty)
        fresh.push_back(way_.zeroed(reading.features.channels));
      else
        entry::prepare_notes(ctx_, reading.state->notes);
      jobs.push_back(way_.job(reading, empty ? fresh.back() : *reading.state));
    }
    form_grams(jobs, plans, ctx_.stream);
    auto made = fresh.begin();
    for (const Reading& reading : readings) {
      if (reading.state->channels == 0) *reading.state = std::move(*made++);
      reading.state->images += reading.features.images;
    }
  }

  const context& ctx_;
  const Way& way_;
  std::vector<Reading> together_;
  std::vector<device_gram_plan> plans_;
};

}  // namespace sirfp
