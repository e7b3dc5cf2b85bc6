#include <ATen/ATen.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

#include "added_biases.hpp"
#include "affine_fit.hpp"
#include "consumer_weights.hpp"
#include "cut_network.hpp"
#include "paused_passes.hpp"
#include "pixel_sample.hpp"
#include "refit_stops.hpp"
#include "sirfp/adapter/joint.hpp"
#include "sirfp/adapter/observe.hpp"
#include "sirfp/expects.hpp"
#include "site_reading.hpp"
#include "slices.hpp"
#include "weight_readings.hpp"
#include "window_fit.hpp"

namespace sirfp::adapter {
namespace {

// E [C x K]: the kept channels for themselves, nothing for the removed ones.
at::Tensor selection_of(const std::vector<std::int64_t>& kept, std::int64_t channels) {
  at::Tensor select = at::zeros({channels, static_cast<std::int64_t>(kept.size())}, at::kDouble);
  for (std::size_t i = 0; i < kept.size(); ++i) select[kept[i]][static_cast<std::int64_t>(i)] = 1;
  return select;
}

constexpr std::int64_t pixels_per_channel = 64;     // a fit from single pixels has as many unknowns a row as there are channels
constexpr std::int64_t least_pixels_of_image = 64;  // for when fewer images come than were promised

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
    std::int64_t done = 0;
    for (const refit_stop& here : refit_stops(*code_, captured_, graph_)) {
      const auto first_cut = std::find_if(here.readings.begin(), here.readings.end(), [&](const refit_stop::reading& reading) {
        return disturbed_ || !removed_positions(graph_.sites[reading.site].layout, mask_).empty();
      });
      refit_at(here, {first_cut, here.readings.end()});  // nothing in front of the others was cut
      for (std::size_t i = 0; i < here.readings.size(); ++i)
        if (options_.sweep.progress) options_.sweep.progress(++done, static_cast<std::int64_t>(graph_.sites.size()));
    }
    return std::move(result_);
  }

 private:
  static constexpr std::size_t original = 0, cut = 1;  // the passes of a batch

  // Of a site: its kept positions in the cut network, followed by all positions in the original; and its readers with windows.
  struct site_sums {
    const consumer_site* site = nullptr;
    std::size_t input = 0;
    bool by_pixels = false;  // also where all readers have windows: the images may turn out too few or too small
    moments_state pixels = {};
    std::map<const consumer*, window_fit> windows = {};
  };

  // What a batch adds to them.
  struct window_sample {
    window_fit* fit = nullptr;
    std::int64_t image = 0;
    window_fit::sample found;
  };
  struct site_sample {
    at::Tensor pixels;  // [N, kept + all, P]
    std::vector<window_sample> windows;
  };

  site_sums sums_for(const refit_stop& here, const refit_stop::reading& reading) const {
    site_sums sums{.site = &graph_.sites[reading.site], .input = reading.input};
    for (const consumer& reader : sums.site->consumers) {
      if (!can_fit(reader)) continue;
      sums.by_pixels = true;
      if (!options_.by_taps) continue;
      const bool soon = here.soon.contains(captured_.nodes.at(static_cast<std::size_t>(reader.op)));
      if (auto window = window_fit::of(net_, captured_, reader, options_.images, soon)) sums.windows.emplace(&reader, *std::move(window));
    }
    return sums;
  }

  void sum_over_images(const refit_stop& here, std::deque<site_sums>& sums) {
    passes_.each([&](std::span<stepper> batch, std::uint64_t first_image) {
      advance(batch[original], here.node);
      advance(batch[cut], cut_network_.twin_of(here.node));
      std::vector<site_sample> samples;
      for (site_sums& site : sums) samples.push_back(look(site, batch, first_image));
      take_outputs(batch[original], samples);
      return [this, &sums, samples = std::move(samples)] {
        for (std::size_t s = 0; s < sums.size(); ++s) add(samples[s], sums[s]);
      };
    });
  }

  site_sample look(site_sums& sums, std::span<stepper> batch, std::uint64_t first_image) const {
    const consumer_site& site = *sums.site;
    const auto count = static_cast<std::int64_t>(site.layout.size());
    const at::Tensor d = batch[original].input(sums.input).narrow(site.axis, site.first, count);
    const at::Tensor z = cut_network_.site_in(batch[cut].input(sums.input), site);
    site_sample sample;
    if (sums.by_pixels) sample.pixels = sampled_pixels(site, z, d, first_image);
    for (auto& [reader, window] : sums.windows)
      for (std::int64_t n = 0; d.dim() == 4 && n < d.size(0); ++n)
        if (auto found = window.look(d[n], z[n], first_image + static_cast<std::uint64_t>(n)))
          sample.windows.push_back({&window, n, *std::move(found)});
    return sample;
  }

  // The original runs on to the readers of these sites that come before the next stop: nothing that is cut lies between.
  static void take_outputs(stepper& pass, std::vector<site_sample>& samples) {
    std::vector<window_sample*> open;
    for (site_sample& site : samples)
      for (window_sample& window : site.windows)
        if (window.fit->soon()) open.push_back(&window);
    while (!open.empty()) {
      std::vector<torch::jit::IValue> outputs;
      const torch::jit::Node* node = pass.step(&outputs);
      std::erase_if(open, [&](window_sample* window) {
        if (window->fit->node() != node) return false;
        window->fit->take(window->found, outputs.at(0).toTensor()[window->image]);
        return true;
      });
    }
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

  void add(const site_sample& sample, site_sums& sums) const {
    for (const window_sample& window : sample.windows) window.fit->add(ctx_, window.found);
    if (!sample.pixels.defined()) return;
    const auto [tensor, axis] = made_readable(sample.pixels, 1);
    accumulate_moments(ctx_, view_for(ctx_, tensor, axis), {}, sums.pixels);
  }

  bool is_shared(const consumer& reader) const {
    return readings_.all().at(reader.weight).size() != static_cast<std::size_t>(reader.blocks);
  }
  bool can_fit(const consumer& reader) const {
    return !is_shared(reader) && readings_.sink_of(reader.weight).type != offset_sink::kind::none;
  }

  void refit_at(const refit_stop& here, std::span<const refit_stop::reading> readings) {
    if (readings.empty()) return;
    std::deque<site_sums> sums;
    for (const refit_stop::reading& reading : readings) sums.push_back(sums_for(here, reading));
    sum_over_images(here, sums);
    disturbed_ = true;
    for (site_sums& site : sums) refit_site(site);
  }

  void refit_site(site_sums& sums) {
    const consumer_site& site = *sums.site;
    const std::vector<std::int64_t> kept = kept_positions(site.layout, mask_);
    std::optional<affine_map> shared_map;
    if (sums.pixels.channels != 0)
      shared_map = fit_sync(ctx_, sums.pixels, placed(selection_of(kept, static_cast<std::int64_t>(site.layout.size()))), options_.lambda);
    for (const consumer& reader : site.consumers) {
      const op_value& weight = captured_.ops.values.at(static_cast<std::size_t>(reader.weight));
      at::Tensor& changed = result_.tensors.try_emplace(weight.name, tensor_of(net_, captured_, reader.weight).clone()).first->second;
      if (!can_fit(reader)) {
        const offset_sink sink = readings_.sink_of(reader.weight);
        if (reader.block == 0)
          result_.notes.push_back(text(weight.name, " is not refitted: ", is_shared(reader) ? "several operators read it" : sink.problem));
        zero_positions(changed, reader, removed_positions(site.layout, mask_));
      } else if (const moments_state* seen = window_sums_sync(sums, reader, static_cast<std::int64_t>(kept.size()))) {
        refit_window(reader, *seen, kept, changed);
      } else {
        refit_pixels(reader, *shared_map, kept, changed);
      }
      apply_to_cut(reader);
    }
  }

  const moments_state* window_sums_sync(site_sums& sums, const consumer& reader, std::int64_t kept) const {
    const auto window = sums.windows.find(&reader);
    return window == sums.windows.end() ? nullptr : window->second.sums_sync(ctx_, kept);
  }

  // Fits are computed where the sums lie, weights change on the host.
  at::Tensor placed(const at::Tensor& weight) const { return sent_to(code_->device, weight); }

  void refit_pixels(const consumer& reader, const affine_map& map, const std::vector<std::int64_t>& kept, at::Tensor& changed) {
    const at::Tensor original_weight = tensor_of(net_, captured_, reader.weight);
    const at::Tensor rows = placed(block_of(original_weight, reader).to(at::kDouble));  // [out, C, taps]
    write_kept(changed, reader, kept, at::matmul(rows.transpose(1, 2), map.matrix).transpose(1, 2).cpu());
    const double share = share_of_taps(captured_.ops.ops.at(static_cast<std::size_t>(reader.op)), reader, original_weight.dim());
    absorb(reader, (share * rows.sum(2).mv(map.offset)).cpu());
  }

  void refit_window(const consumer& reader, const moments_state& measured, const std::vector<std::int64_t>& kept, at::Tensor& changed) {
    const at::Tensor rows = block_of(tensor_of(net_, captured_, reader.weight), reader).to(at::kDouble);
    const at::Tensor start = rows.index_select(1, at::tensor(kept, at::kLong));
    const affine_map map = fit_sync(ctx_, measured, placed(start.flatten(1)), options_.lambda);
    write_kept(changed, reader, kept, map.matrix.cpu().view(start.sizes()));
    absorb(reader, map.offset.cpu());
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
