// How kernels write a state's notes (sirfp/device_notes.hpp).
#pragma once

#include "device/atomics.cuh"
#include "sirfp/device_notes.hpp"

namespace sirfp {

// `words` of a state that counted `image` images before this one. Any thread may call it, in any order: the lowest image stands.
SIRFP_DEVICE void note_bad(double* words, std::int64_t which, std::int64_t image, std::int64_t index) {
  constexpr std::int64_t largest = INT32_MAX;
  const std::int64_t code = (std::int64_t{1} << 62) - (image << 31 | (index < largest ? index : largest));
  device::atomic_max(reinterpret_cast<std::int64_t*>(words + which), code);
}

}  // namespace sirfp
