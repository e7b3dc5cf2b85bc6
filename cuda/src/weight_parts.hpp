// A weight [outputs x inputs x taps] goes to the device so many outputs at a time that what is there at once is bounded.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sirfp {

inline std::int64_t outputs_at_once(std::int64_t inputs, std::int64_t taps) {
  constexpr std::int64_t most_values = std::int64_t{8} << 20;  // beside as many in other layouts
  return std::max<std::int64_t>(1, most_values / (inputs * taps));
}

}  // namespace sirfp
