// What a device notes beside a state's sums while nobody waits for it; the `_sync` functions read it (docs/decisions/0005).
//
// Four words in a buffer of the state's memory, empty on backends that know at once: the first feature that is not finite, the first
// weight that is negative or not finite, as codes below, the sum of the pixel weights of a moments state, and the first feature that fits
// fp32 itself but not once it is weighted or centred.
#pragma once

#include <cstdint>
#include <span>

#include "sirfp/expects.hpp"
#include "sirfp/memory.hpp"

namespace sirfp {

namespace device_notes {
constexpr std::int64_t bad_feature = 0;
constexpr std::int64_t bad_weight = 1;
constexpr std::int64_t weight = 2;  // a double
constexpr std::int64_t beyond_fp32 = 3;
constexpr std::int64_t words = 4;

// Image (counted from the state's first) and channel or pixel in one signed integer, so that the largest code is the lowest image and,
// within it, the lowest channel; 0: none. Both below 2^31.
constexpr std::int64_t none = 0;
constexpr std::int64_t code(std::int64_t image, std::int64_t index) noexcept { return (std::int64_t{1} << 62) - (image << 31 | index); }
constexpr std::int64_t image_of(std::int64_t code) noexcept { return ((std::int64_t{1} << 62) - code) >> 31; }
constexpr std::int64_t index_of(std::int64_t code) noexcept { return ((std::int64_t{1} << 62) - code) & INT32_MAX; }
// The code when `images` others came before.
constexpr std::int64_t moved(std::int64_t code, std::int64_t images) noexcept { return code == none ? none : code - (images << 31); }
}  // namespace device_notes

// Finite features that fit fp32 themselves, but not once they are weighted or centred.
class beyond_fp32_error : public failure {
 public:
  beyond_fp32_error(std::int64_t image, std::int64_t channel);
  std::int64_t image_in_batch;
};

// Waits for the device; throws non_finite_error, invalid_argument (weights) or beyond_fp32_error where something bad was noted. Nothing to
// do without notes.
void expect_sound_sync(const buffer& notes);
// Of words that have been copied to the host.
void expect_sound(std::span<const double> words);

}  // namespace sirfp
