#include "proof.hpp"

#include <algorithm>

#include "interrupt.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr int latency_runs = 5;

// Batches, evenly spaced, that hold `at_least` images or all there are.
std::vector<image_batch> some_batches(const image_folder& images, std::int64_t at_least) {
  const auto& all = images.batches();
  const auto total = static_cast<std::int64_t>(all.size());
  std::int64_t largest = 1;
  for (const image_batch& batch : all) largest = std::max(largest, static_cast<std::int64_t>(batch.names.size()));
  std::vector<image_batch> chosen;
  for (const std::int64_t index : evenly_spaced(total, std::max<std::int64_t>(1, (at_least + largest - 1) / largest))) {
    chosen.push_back(all[static_cast<std::size_t>(index)]);
  }
  return chosen;
}

// Calls body(batch) for each of them that can be read.
template <class Body>
std::int64_t for_some_images(image_folder& images, std::int64_t at_least, progress_style style, const char* what, const Body& body) {
  const auto chosen = some_batches(images, at_least);
  std::int64_t total = 0;
  for (const image_batch& batch : chosen) total += static_cast<std::int64_t>(batch.names.size());
  progress shown(style, what, total, "images");
  std::int64_t seen = 0;
  for (const image_batch& batch : chosen) {
    check_interrupt();
    const loaded_batch loaded = images.load(batch);
    if (loaded.input.defined()) body(loaded.input);
    seen += static_cast<std::int64_t>(loaded.names.size());
    shown.advance(static_cast<std::int64_t>(batch.names.size()));
  }
  return seen;
}

double difference_on(const adapter::network& original, const adapter::network& masked, const adapter::network& slim,
                     const at::Tensor& input) {
  return adapter::relative_difference(forward(masked, input), forward(slim, input), forward(original, input));
}

}  // namespace

void expect_within_limit(const difference& found) {
  // Written so that a NaN fails too.
  if (found.largest <= difference_limit) return;
  throw failure(text("masked and slim network differ by ", found.largest, " of the largest output on ",
                     found.on_noise ? "noise" : "real input", ", expected at most ", difference_limit));
}

difference expect_same_output(const adapter::network& original, const adapter::network& masked, const adapter::network& slim,
                              image_folder& images, std::int64_t at_least, progress_style style) {
  difference result;
  result.images = for_some_images(images, at_least, style, "comparing masked and slim on", [&](const at::Tensor& input) {
    const double found = difference_on(original, masked, slim, input);
    if (!(found <= result.largest)) result.largest = found;
    expect_within_limit(result);
  });
  return result;
}

difference expect_same_output_on_noise(const adapter::network& original, const adapter::network& masked, const adapter::network& slim,
                                       const at::Tensor& noise) {
  const difference result{.largest = difference_on(original, masked, slim, noise), .images = 0, .on_noise = true};
  expect_within_limit(result);
  return result;
}

measured_agreement agreement_of(const adapter::network& original, const adapter::network& slim, image_folder& images, std::int64_t at_least,
                                progress_style style) {
  measured_agreement result;
  result.images = for_some_images(images, at_least, style, "comparing before and after on", [&](const at::Tensor& input) {
    const at::Tensor before = forward(original, input);
    const at::Tensor after = forward(slim, input);
    result.pixels.add(after, before);
    result.error.add(after, before);
  });
  return result;
}

latency latency_of(const adapter::network& original, const adapter::network& slim, const at::Tensor& example) {
  return {.before = adapter::forward_seconds(original, example, latency_runs, check_interrupt),
          .after = adapter::forward_seconds(slim, example, latency_runs, check_interrupt)};
}

}  // namespace sirfp::cli
