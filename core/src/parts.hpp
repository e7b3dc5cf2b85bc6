// Division that rounds up, for plans.
#pragma once

#include <cstdint>

namespace sirfp {

// How many parts of `size` cover `value` (not negative), and how far they reach.
constexpr std::int64_t parts(std::int64_t value, std::int64_t size) { return value / size + (value % size != 0 ? 1 : 0); }
constexpr std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) { return parts(value, multiple) * multiple; }

}  // namespace sirfp
