#include "calibration.hpp"

#include <ATen/autocast_mode.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "interrupt.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr const char* group = "Calibration";

// Convolutions and matrix products of the forward passes in a half type, as torch.autocast does it.
class autocast {
 public:
  autocast(c10::DeviceType device, c10::ScalarType type) : device_(device), on_(type != c10::kFloat) {
    if (!on_) return;
    at::autocast::set_autocast_dtype(device_, type);
    at::autocast::set_autocast_enabled(device_, true);
  }
  autocast(const autocast&) = delete;
  autocast& operator=(const autocast&) = delete;
  ~autocast() {
    if (!on_) return;
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, false);
  }

 private:
  c10::DeviceType device_;
  bool on_;
};

std::string name_of(c10::ScalarType type) {
  if (type == c10::kHalf) return "f16";
  return type == c10::kBFloat16 ? "bf16" : "f32";
}

void remove(loaded_batch& batch, const std::string& name) {
  const auto place = std::find(batch.names.begin(), batch.names.end(), name) - batch.names.begin();
  std::vector<at::Tensor> rest = batch.input.split(1);
  rest.erase(rest.begin() + place);
  batch.names.erase(batch.names.begin() + place);
  batch.file_sizes.erase(batch.file_sizes.begin() + place);
  batch.input = rest.empty() ? at::Tensor() : at::cat(rest);
}

// Counts a batch, without the images that bring a NaN or an infinity when bad images are skipped.
void count_batch(const adapter::observer& observer, loaded_batch batch, image_folder& images, calibration_state& state) {
  while (!batch.names.empty()) {
    try {
      observer.add(batch.input, batch.names, state);
      state.images.insert(state.images.end(), batch.names.begin(), batch.names.end());
      return;
    } catch (const adapter::bad_feature_error& problem) {
      if (!images.skips_bad()) throw;
      images.skip(problem.image, problem.what());
      remove(batch, problem.image);
    }
  }
}

void count_pending(const adapter::observer& observer, image_folder& images, calibration_state& state, progress_style style,
                   const std::function<void()>& after_batch) {
  std::set<std::string> pending(state.pending.begin(), state.pending.end());
  std::int64_t at_once = 0;
  progress shown(style, "observing", images.count(), "images", images.count() - static_cast<std::int64_t>(pending.size()));
  for (const image_batch& batch : images.batches()) {
    const auto left =
        std::count_if(batch.names.begin(), batch.names.end(), [&](const std::string& name) { return pending.contains(name); });
    if (left == 0) continue;
    check_interrupt();
    const loaded_batch loaded = images.load(batch);
    if (loaded.input.defined()) count_batch(observer, loaded, images, state);
    if (observer.images_at_once() != at_once) {
      at_once = observer.images_at_once();
      shown.remark(text("out of device memory: going on with ", at_once, at_once == 1 ? " image" : " images", " at a time"));
    }
    for (const std::string& name : batch.names) {
      pending.erase(name);
      std::erase(state.pending, name);
    }
    shown.advance(left);
    if (after_batch) after_batch();
  }
}

}  // namespace

void add_calibration_options(CLI::App& app, calibration_arguments& arguments) {
  add_choice(app, "--dtype", arguments.dtype, {"f32", "f16", "bf16"}, "type of the forward passes (default f32)")->group(group);
  add_choice(app, "--pixel-weights", arguments.pixel_weights, {"uniform", "edge"}, "weight of a pixel: 1, or the strength of edges there")
      ->group(group);
  add_fraction(app, "--sample-pixels", arguments.sample_pixels,
               "share of each feature map's pixels to measure on, evenly spread (default 1)")
      ->group(group);
}

calibration_options resolve(const calibration_arguments& arguments, bool edges, const std::string& backbone) {
  calibration_options options;
  options.observe.edges = edges;
  options.observe.backbone = backbone;
  if (arguments.pixel_weights == "edge") options.observe.pixel_weights = adapter::observe_options::weighting::edge_aware;
  options.observe.sample_pixels = arguments.sample_pixels.value_or(1);
  if (arguments.dtype == "f16") options.compute = c10::kHalf;
  if (arguments.dtype == "bf16") options.compute = c10::kBFloat16;
  return options;
}

json json_of(const calibration_options& options) {
  const bool uniform = options.observe.pixel_weights == adapter::observe_options::weighting::uniform;
  return {{"dtype", name_of(options.compute)},
          {"pixel_weights", uniform ? "uniform" : "edge"},
          {"sample_pixels", options.observe.sample_pixels},
          {"exact", options.exact},
          {"edges", options.observe.edges},
          {"backbone", options.observe.edges ? options.observe.backbone : ""},
          {"epsilon", options.observe.similarity.epsilon},
          {"accumulation", options.observe.similarity.mode == accumulation::mean ? "mean" : "ema"}};
}

std::string state_options(const image_options& images, const calibration_options& options, const session& opened) {
  const json all = {{"images", json_of(images)}, {"observe", json_of(options)}, {"input", opened.example.sizes().vec()}};
  return all.dump();
}

calibration_state empty_state(const session& opened, const image_folder& images, const calibration_options& options) {
  calibration_state state;
  state.network = opened.captured.fingerprint;
  state.options = state_options(images.options(), options, opened);
  state.pending = images.names();
  return state;
}

void calibrate(const session& opened, image_folder& images, const calibration_options& options, calibration_state& state,
               progress_style style, const std::function<void()>& after_batch) {
  // Not the session's context: a batch is counted whole or not at all, so nothing may stop it on its way into the state.
  const c10::Device device = opened.net.place->device();
  const context computes = adapter::context_on(device, adapter::aten_executor(), options.exact);
  adapter::observe_options observed = options.observe;
  observed.wait_for_each = images.skips_bad();
  const adapter::observer observer(computes, opened.net, opened.captured, opened.graph, observed);
  const autocast in_half(device.type(), options.compute);
  try {
    count_pending(observer, images, state, style, after_batch);
  } catch (const non_finite_error&) {  // noted by a device, met by a checkpoint
    observer.expect_sound_sync(state);
    throw;
  } catch (const interrupted&) {  // what is left must be good to go on from
    observer.expect_sound_sync(state);
    throw;
  }
  observer.expect_sound_sync(state);
  SIRFP_EXPECTS(!state.images.empty(), images.folder().string(), ": no image could be counted; ", images.skipped().size(),
                " skipped, the first: ", images.skipped().empty() ? std::string() : images.skipped().front().reason);
}

}  // namespace sirfp::cli
