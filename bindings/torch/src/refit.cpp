#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "added_biases.hpp"
#include "affine_fit.hpp"
#include "consumer_weights.hpp"
#include "cut_network.hpp"
#include "patches.hpp"
#include "paused_passes.hpp"
#include "pixel_sample.hpp"
#include "sirfp/adapter/joint.hpp"
#include "sirfp/adapter/observe.hpp"
#include "sirfp/expects.hpp"
#include "site_reading.hpp"
#include "slices.hpp"
#include "weight_readings.hpp"

namespace sirfp::adapter {
namespace {

// E [C x K]: the kept channels for themselves, nothing for the removed ones.
at::Tensor selection_of(const std::vector<std::int64_t>& kept, std::int64_t channels) {
  at::Tensor select = at::zeros({channels, static_cast<std::int64_t>(kept.size())}, at::kDouble);
  for (std::size_t i = 0; i < kept.size(); ++i) select[kept[i]][static_cast<std::int64_t>(i)] = 1;
  return select;
}

// The error of a fit exceeds the least possible by about one part in as many: 32 gave 2% less output error than 16, and 8 gave 7% more
// (DeepLabV3+-R18 at 0.1 of its FLOPs), at double and half the time of the sums.
constexpr std::int64_t pixels_per_unknown = 12;
constexpr std::int64_t pixels_per_channel = 64;     // likewise, of a prediction from single pixels
constexpr std::int64_t least_pixels_of_image = 64;  // single pixels cost nothing: a few more, for when fewer images come than were promised
// Where the images have fewer than this, the fit would follow their noise, and one prediction a site serves better.
constexpr std::int64_t least_pixels_per_unknown = 8;
constexpr std::int64_t most_waiting_bytes = std::int64_t{32} << 20U;  // of one consumer's patches

// Where the sweep stops: sites that are first read by one operator.
struct stop {
  const torch::jit::Node* node = nullptr;
  struct reading {
    std::size_t site = 0;
    std::size_t input = 0;  // which argument of the node
  };
  std::vector<reading> readings;
};

class sweep {
 public:
  sweep(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph, const channel_mask& mask,
        image_stream images, const refit_options& options)
      : ctx_(ctx),
        net_(net),
        captured_(captured),
        graph_(graph),
        mask_(mask),
        options_(options),
        readings_(captured, graph),
        code_(std::make_shared<const program>(compile(net))),
        cut_network_(net, captured, graph, mask),
        passes_({code_, cut_network_.code()}, std::move(images), options.sweep.memory) {}

  compensated_weights run() {
    const std::vector<stop> stops = all_stops();
    std::int64_t done = 0;
    for (const stop& here : stops) {
      const auto first_cut = std::find_if(here.readings.begin(), here.readings.end(), [&](const stop::reading& reading) {
        return disturbed_ || !removed_positions(graph_.sites[reading.site].layout, mask_).empty();
      });
      refit_stop(here, {first_cut, here.readings.end()});  // nothing in front of the others was cut
      for (std::size_t i = 0; i < here.readings.size(); ++i)
        if (options_.sweep.progress) options_.sweep.progress(++done, static_cast<std::int64_t>(graph_.sites.size()));
    }
    return std::move(result_);
  }

 private:
  static constexpr std::size_t original = 0, cut = 1;  // the passes of a batch

  // In execution order.
  std::vector<stop> all_stops() const {
    std::unordered_map<const torch::jit::Node*, stop> found;
    for (std::size_t s = 0; s < graph_.sites.size(); ++s) {
      const site_reading first = first_reading(captured_, graph_.sites[s]);
      stop& at = found[first.node];
      at.node = first.node;
      at.readings.push_back({s, first.input});
    }
    std::vector<stop> stops;
    for (const instruction& step : code_->body.code)
      if (const auto here = found.find(step.node); here != found.end()) stops.push_back(std::move(here->second));
    if (stops.size() != found.size()) throw failure("network: a consumer of its channels runs inside a loop or a branch");
    return stops;
  }

  // Patches wait until there are enough of them: adding to the sums passes over a matrix of (channels x taps)^2 numbers.
  struct window_sums {
    tap_window window;
    at::Tensor weight;                     // the original's, [out, channels x taps]
    std::vector<at::Tensor> waiting = {};  // [rows, pixels]
    std::int64_t waiting_bytes = 0;
    moments_state sums = {};
  };

  // Of a site: its kept positions in the cut network, followed by all positions in the original (for readers of single pixels); and for
  // each reader that looks through a window, what its taps see in the cut network, followed by what it gives in the original.
  struct site_sums {
    moments_state pixels;
    std::map<const consumer*, window_sums> windows;
  };

  c10::Device device() const { return code_->device; }

  std::vector<site_sums> side_by_side(const stop& here, const std::vector<stop::reading>& readings) {
    std::vector<site_sums> sums(readings.size());
    std::uint64_t image = 0;  // the same pixels of it at every site
    passes_.each([&](std::span<stepper> batch) {
      advance(batch[original], here.node);
      advance(batch[cut], cut_network_.twin_of(here.node));
      for (std::size_t r = 0; r < readings.size(); ++r) add_images(readings[r], batch, image, sums[r]);
      image += static_cast<std::uint64_t>(batch[original].input(readings.front().input).size(0));
    });
    for (site_sums& site : sums)
      for (auto& [reader, window] : site.windows) add_waiting(window);
    return sums;
  }

  void add_images(const stop::reading& reading, std::span<stepper> batch, std::uint64_t first_image, site_sums& sums) const {
    const consumer_site& site = graph_.sites[reading.site];
    const auto count = static_cast<std::int64_t>(site.layout.size());
    const at::Tensor d = batch[original].input(reading.input).narrow(site.axis, site.first, count);
    const at::Tensor z = cut_network_.site_in(batch[cut].input(reading.input), site);
    if (first_image == 0) choose_windows(site, d, z, sums);
    for (auto& [reader, window] : sums.windows)
      for (std::int64_t n = 0; n < d.size(0); ++n) add_window(window, d[n], z[n], first_image + static_cast<std::uint64_t>(n));
    // Also where all readers have windows: the images may turn out too few or too small.
    if (std::ranges::any_of(site.consumers, [&](const consumer& reader) { return can_fit(reader); }))
      add_pixels(sampled_pixels(site, z, d, first_image), 1, sums.pixels);
  }

  // z followed by d at a share of the pixels: a prediction has as many unknowns as the cut network has channels.
  at::Tensor sampled_pixels(const consumer_site& site, const at::Tensor& z, const at::Tensor& d, std::uint64_t first_image) const {
    const auto [before, axis] = made_readable(d, site.axis);
    const feature_view map = view_for(ctx_, before, axis);
    const std::int64_t wanted =
        options_.images > 0 ? std::max(least_pixels_of_image, pixels_per_channel * z.size(site.axis) / options_.images + 1) : map.pixels();
    std::vector<std::string> names;
    for (std::int64_t n = 0; n < before.size(0); ++n) names.push_back(std::to_string(first_image + static_cast<std::uint64_t>(n)));
    const pixel_sample sample(map.height, map.width, wanted);
    return at::cat({sample.of(made_readable(z, site.axis).tensor, axis, names), sample.of(before, axis, names)}, 1);
  }

  // Which readers are fitted tap by tap: convolutions with a window and pixels enough.
  void choose_windows(const consumer_site& site, const at::Tensor& d, const at::Tensor& z, site_sums& sums) const {
    for (const consumer& reader : site.consumers) {
      const op_value& weight = captured_.ops.values.at(static_cast<std::size_t>(reader.weight));
      const auto window = window_of(captured_.ops.ops.at(static_cast<std::size_t>(reader.op)), reader, weight.shape);
      if (!options_.by_taps || !can_fit(reader) || !window || window->taps() == 1 || d.dim() != 4) continue;
      const auto [height, width] = window->output(d.size(2), d.size(3));
      const bool enough = options_.images == 0 || options_.images * height * width >= least_pixels_per_unknown * z.size(1) * window->taps();
      if (!enough || z.size(1) == 0) continue;
      const at::Tensor rows = block_of(tensor_of(net_, captured_, reader.weight), reader).flatten(1).to(at::kFloat);
      sums.windows.emplace(&reader, window_sums{.window = *window, .weight = sent_to(device(), rows)});
    }
  }

  void add_pixels(const at::Tensor& both, std::int64_t site_axis, moments_state& sums) const {
    const auto [tensor, axis] = made_readable(both, site_axis);
    accumulate_moments(ctx_, view_for(ctx_, tensor, axis), {}, sums);
  }

  // One image, at a share of its pixels: a row of the weight has as many unknowns as the cut network's taps see numbers.
  void add_window(window_sums& into, const at::Tensor& d, const at::Tensor& z, std::uint64_t image) const {
    const tap_window& window = into.window;
    const auto [height, width] = window.output(d.size(1), d.size(2));
    if (height * width == 0) return;
    const std::int64_t unknowns = z.size(0) * window.taps();
    const std::int64_t wanted = options_.images > 0 ? pixels_per_unknown * unknowns / options_.images + 1 : height * width;
    const at::Tensor pixels = sent_to(device(), pixel_sample(height, width, wanted).positions(image));
    const at::Tensor given = at::matmul(into.weight, patches(d.to(at::kFloat), window, pixels));
    into.waiting.push_back(at::cat({patches(z.to(at::kFloat), window, pixels), given}));
    into.waiting_bytes += static_cast<std::int64_t>(into.waiting.back().nbytes());
    if (into.waiting_bytes >= most_waiting_bytes) add_waiting(into);
  }

  void add_waiting(window_sums& window) const {
    if (window.waiting.empty()) return;
    add_pixels(at::cat(window.waiting, 1).unsqueeze(0), 1, window.sums);
    window.waiting.clear();
    window.waiting_bytes = 0;
  }

  bool is_shared(const consumer& reader) const {
    return readings_.all().at(reader.weight).size() != static_cast<std::size_t>(reader.blocks);
  }
  bool can_fit(const consumer& reader) const {
    return !is_shared(reader) && readings_.sink_of(reader.weight).type != offset_sink::kind::none;
  }

  void refit_stop(const stop& here, const std::vector<stop::reading>& readings) {
    if (readings.empty()) return;
    const std::vector<site_sums> sums = side_by_side(here, readings);
    disturbed_ = true;
    for (std::size_t r = 0; r < readings.size(); ++r) refit_site(graph_.sites[readings[r].site], sums[r]);
  }

  void refit_site(const consumer_site& site, const site_sums& sums) {
    const std::vector<std::int64_t> kept = kept_positions(site.layout, mask_);
    std::optional<affine_map> shared_map;
    if (sums.pixels.channels != 0)
      shared_map =
          fit(moments_sync(sums.pixels), selection_of(kept, static_cast<std::int64_t>(site.layout.size())), options_.lambda, device());
    for (const consumer& reader : site.consumers) {
      const op_value& weight = captured_.ops.values.at(static_cast<std::size_t>(reader.weight));
      at::Tensor& changed = result_.tensors.try_emplace(weight.name, tensor_of(net_, captured_, reader.weight).clone()).first->second;
      if (!can_fit(reader)) {
        const offset_sink sink = readings_.sink_of(reader.weight);
        if (reader.block == 0)
          result_.notes.push_back(text(weight.name, " is not refitted: ", is_shared(reader) ? "several operators read it" : sink.problem));
        zero_positions(changed, reader, removed_positions(site.layout, mask_));
      } else if (const auto found = sums.windows.find(&reader); found != sums.windows.end() && saw_enough(found->second, kept)) {
        refit_window(reader, moments_sync(found->second.sums), kept, changed);
      } else {
        refit_pixels(reader, *shared_map, kept, changed);
      }
      apply_to_cut(reader);
    }
  }

  bool saw_enough(const window_sums& window, const std::vector<std::int64_t>& kept) const {
    const auto unknowns = static_cast<double>(kept.size()) * static_cast<double>(window.window.taps());
    return window.sums.channels != 0 && (options_.images == 0 || window.sums.weight >= least_pixels_per_unknown * unknowns);
  }

  void refit_pixels(const consumer& reader, const affine_map& map, const std::vector<std::int64_t>& kept, at::Tensor& changed) {
    const at::Tensor original_weight = tensor_of(net_, captured_, reader.weight);
    const at::Tensor rows = block_of(original_weight, reader).to(at::kDouble);  // [out, C, taps]
    write_kept(changed, reader, kept, at::matmul(rows.transpose(1, 2), map.matrix).transpose(1, 2));
    const double share = share_of_taps(captured_.ops.ops.at(static_cast<std::size_t>(reader.op)), reader, original_weight.dim());
    absorb(reader, share * rows.sum(2).mv(map.offset));
  }

  void refit_window(const consumer& reader, const moments& measured, const std::vector<std::int64_t>& kept, at::Tensor& changed) {
    const at::Tensor rows = block_of(tensor_of(net_, captured_, reader.weight), reader).to(at::kDouble);
    const at::Tensor start = rows.index_select(1, at::tensor(kept, at::kLong));
    const affine_map map = fit(measured, start.flatten(1), options_.lambda, device());
    write_kept(changed, reader, kept, map.matrix.view(start.sizes()));
    absorb(reader, map.offset);
  }

  // The reader's rows of a weight: `values` [out, K, taps] where channels stay, 0 elsewhere.
  static void write_kept(at::Tensor& weight, const consumer& reader, const std::vector<std::int64_t>& kept, const at::Tensor& values) {
    const at::Tensor rows = at::zeros_like(block_of(weight, reader), values.options());
    write_block(weight, reader, rows.index_copy(1, at::tensor(kept, at::kLong), values));
  }

  static void write_block(at::Tensor& weight, const consumer& reader, const at::Tensor& rows) {
    const std::int64_t extent = weight.size(0) / reader.blocks;
    at::Tensor part = weight.narrow(0, reader.block * extent, extent);
    if (reader.input_axis == 0) part = part.transpose(0, 1);
    part.copy_(rows.reshape(part.sizes()));
  }

  // `offset` [out]: every block of a grouped convolution adds to its own part.
  void absorb(const consumer& reader, const at::Tensor& offset) {
    const offset_sink sink = readings_.sink_of(reader.weight);
    const std::string& weight = captured_.ops.values.at(static_cast<std::size_t>(reader.weight)).name;
    const auto add = [&](const std::string& name, const at::Tensor& before, double sign) {
      at::Tensor& after = result_.tensors.try_emplace(name, before.clone()).first->second;
      at::Tensor part = after.narrow(0, reader.block * offset.size(0), offset.size(0));
      part.copy_(part.to(at::kDouble) + sign * offset);
    };
    if (sink.type == offset_sink::kind::added_bias) {
      const auto [bias, added] = result_.added_biases.try_emplace(weight, "");
      if (added) bias->second = added_bias_name(weight, captured_, result_);
      add(bias->second, at::zeros({offset.size(0) * reader.blocks}, tensor_of(net_, captured_, reader.weight).options()), 1);
      return;
    }
    const double sign = sink.type == offset_sink::kind::bias ? 1 : -1;
    for (const std::int32_t value : sink.values)
      add(captured_.ops.values.at(static_cast<std::size_t>(value)).name, tensor_of(net_, captured_, value), sign);
  }

  // Its passes read the new tensors from here on.
  void apply_to_cut(const consumer& reader) {
    for (const argument_override& change : cut_network_.overrides(reader, result_)) passes_.replace(cut, change);
  }

  const context& ctx_;
  const network& net_;
  const captured_network& captured_;
  const channel_graph& graph_;
  const channel_mask& mask_;
  const refit_options& options_;
  weight_readings readings_;
  std::shared_ptr<const program> code_;
  cut_network cut_network_;
  paused_passes passes_;
  compensated_weights result_;
  bool disturbed_ = false;
};

}  // namespace

compensated_weights refit(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph,
                          const channel_mask& mask, image_stream images, const refit_options& options) {
  const c10::InferenceMode guard;
  return sweep(ctx, net, captured, graph, mask, std::move(images), options).run();
}

}  // namespace sirfp::adapter
