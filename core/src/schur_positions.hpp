// Where the channels of a joint elimination stand: per site, the positions of each channel that occurs there.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace sirfp {

struct schur_occurrence {
  std::int32_t channel;
  std::vector<std::int64_t> positions;  // ascending
};

// In ascending order of channel; positions of channel -1 are left out.
inline std::vector<schur_occurrence> schur_occurrences(std::span<const std::int32_t> channel_of_position) {
  std::map<std::int32_t, std::vector<std::int64_t>> found;
  for (std::size_t i = 0; i < channel_of_position.size(); ++i)
    if (channel_of_position[i] >= 0) found[channel_of_position[i]].push_back(static_cast<std::int64_t>(i));
  std::vector<schur_occurrence> list;
  list.reserve(found.size());
  for (auto& [channel, positions] : found) list.push_back({channel, std::move(positions)});
  return list;
}

}  // namespace sirfp
