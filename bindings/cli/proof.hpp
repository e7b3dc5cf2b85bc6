// What every prune proves about its result: slim computes what masked does, how often it sees what the original saw, and how fast.
#pragma once

#include <cstdint>
#include <optional>

#include "images.hpp"
#include "progress.hpp"
#include "session.hpp"
#include "sirfp/adapter/compare.hpp"

namespace sirfp::cli {

// max |masked - slim| may be this share of max |original|.
inline constexpr double difference_limit = 1e-4;

struct difference {
  double largest = 0;
  std::int64_t images = 0;
  bool on_noise = false;
};

// Throws failure above the limit (or for a NaN).
void expect_within_limit(const difference& found);

// Over the first batch and as many more as make `at_least` images, evenly spaced. Throws like expect_within_limit.
difference expect_same_output(const adapter::network& original, const adapter::network& masked, const adapter::network& slim,
                              image_folder& images, std::int64_t at_least, progress_style style);
difference expect_same_output_on_noise(const adapter::network& original, const adapter::network& masked, const adapter::network& slim,
                                       const at::Tensor& noise);

struct measured_agreement {
  adapter::agreement pixels;
  adapter::output_error error;
  std::int64_t images = 0;
};
measured_agreement agreement_of(const adapter::network& original, const adapter::network& slim, image_folder& images, std::int64_t at_least,
                                progress_style style);

struct latency {
  double before = 0;  // seconds, minimum of several passes
  double after = 0;
};
latency latency_of(const adapter::network& original, const adapter::network& slim, const at::Tensor& example);

}  // namespace sirfp::cli
