#include "sirfp/device_notes.hpp"

#include <bit>

namespace sirfp {

beyond_fp32_error::beyond_fp32_error(std::int64_t image, std::int64_t channel)
    : failure(text("features of image ", image, ", channel ", channel,
                   ": sqrt(weight) x or x - mean leaves the range of fp32 (3.4e38), which only strict precision takes")),
      image_in_batch(image) {}

void expect_sound_sync(const buffer& notes) { expect_sound(notes.to_host_sync()); }

void expect_sound(std::span<const double> words) {
  if (words.empty()) return;
  const auto code = std::bit_cast<std::int64_t>(words[device_notes::bad_feature]);
  if (code != device_notes::none) throw non_finite_error(device_notes::image_of(code), device_notes::index_of(code));
  const auto weight = std::bit_cast<std::int64_t>(words[device_notes::bad_weight]);
  SIRFP_EXPECTS(weight == device_notes::none, "pixel weight at image ", device_notes::image_of(weight), ", pixel ",
                device_notes::index_of(weight), ", expected a finite value that is not negative");
  const auto beyond = std::bit_cast<std::int64_t>(words[device_notes::beyond_fp32]);
  if (beyond != device_notes::none) throw beyond_fp32_error(device_notes::image_of(beyond), device_notes::index_of(beyond));
}

}  // namespace sirfp
