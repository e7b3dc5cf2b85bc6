// Who reads each weight, and where the constant part of a compensation can go.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sirfp/adapter/capture.hpp"
#include "sirfp/channel_graph.hpp"

namespace sirfp::adapter {

struct weight_reading {
  const consumer_site* site = nullptr;
  const consumer* reader = nullptr;
};

// What takes up the change of a consumer's mean output.
struct offset_sink {
  enum class kind { bias, running_mean, added_bias, none } type = kind::none;
  std::vector<std::int32_t> values;  // biases to add to, or running means to subtract from
  std::string problem;               // for none: why
};

class weight_readings {
 public:
  weight_readings(const captured_network& captured, const channel_graph& graph);
  // Weight -> the dense consumers that read it, a grouped convolution once a block.
  const std::map<std::int32_t, std::vector<weight_reading>>& all() const noexcept { return readings_; }
  // Where the offset of a weight's consumers goes; `none` where it, or the weight itself, is also read by others.
  offset_sink sink_of(std::int32_t weight) const;

 private:
  bool computed(std::int32_t value) const;
  bool read_only_by(std::int32_t value, const std::vector<std::int32_t>& ops) const;
  std::int32_t running_mean_of(const consumer& reader) const;
  offset_sink norms_or_added(const std::vector<weight_reading>& readings) const;

  const captured_network& captured_;
  std::map<std::int32_t, std::vector<weight_reading>> readings_;
  std::map<std::int32_t, std::vector<std::int32_t>> reading_ops_;  // live operators that read a value
};

}  // namespace sirfp::adapter
