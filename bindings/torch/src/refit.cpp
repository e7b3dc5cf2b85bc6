#include <ATen/ATen.h>

#include <algorithm>
#include <unordered_map>

#include "added_biases.hpp"
#include "consumer_weights.hpp"
#include "paused_passes.hpp"
#include "sirfp/adapter/joint.hpp"
#include "sirfp/adapter/observe.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"
#include "slices.hpp"
#include "weight_readings.hpp"

namespace sirfp::adapter {
namespace {

// z -> A z + b, from the kept positions of a site in the cut network to all of them in the original.
struct site_map {
  at::Tensor matrix;  // [C, K]
  at::Tensor offset;  // [C]
};

at::Tensor square_of(const moments& measured) {
  const std::vector<double> full = unpack(measured.covariance, measured.channels);
  return at::tensor(full, at::kDouble).view({measured.channels, measured.channels});
}

// `measured`: moments of the kept positions in the cut network, followed by all positions in the original.
site_map fit(const moments& measured, const std::vector<std::int64_t>& kept, std::int64_t channels, double lambda) {
  const auto k = static_cast<std::int64_t>(kept.size());
  const at::Tensor covariance = square_of(measured);
  const at::Tensor mean = at::tensor(measured.mean, at::kDouble);
  const at::Tensor zz = covariance.narrow(0, 0, k).narrow(1, 0, k);
  const at::Tensor dz = covariance.narrow(0, k, channels).narrow(1, 0, k);
  const at::Tensor select = at::zeros({channels, k}, at::kDouble);
  for (std::int64_t i = 0; i < k; ++i) select[kept[static_cast<std::size_t>(i)]][i] = 1;
  const double scale = zz.diagonal().mean().item<double>();
  at::Tensor matrix = select.clone();
  // A singular site (few pixels, dead channels) is regularised until it factorises; one that is zero keeps what it has.
  for (double strength = lambda; scale > 0 && strength <= 1; strength *= 10) {
    const auto [factor, info] = at::linalg_cholesky_ex(zz + strength * scale * at::eye(k, at::kDouble));
    if (info.item<int>() != 0) continue;
    matrix = select + at::cholesky_solve((dz - select.matmul(zz)).t(), factor).t();
    break;
  }
  return {matrix, mean.narrow(0, k, channels) - matrix.mv(mean.narrow(0, 0, k))};
}

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
        code_(std::make_shared<const program>(compile(net.graph, net.module))),
        passes_(code_, 2, std::move(images), options.sweep.memory) {}

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
      const consumer_site& site = graph_.sites[s];
      const auto first = std::ranges::min_element(site.consumers, {}, &consumer::op)->op;
      const auto& arguments = captured_.ops.ops.at(static_cast<std::size_t>(first)).arguments;
      const auto input = std::ranges::find_if(
          arguments, [&](const op_argument& a) { return a.type == op_argument::kind::tensor && a.values.at(0) == site.value; });
      stop& at = found[captured_.nodes.at(static_cast<std::size_t>(first))];
      at.node = captured_.nodes[static_cast<std::size_t>(first)];
      at.readings.push_back({s, static_cast<std::size_t>(input - arguments.begin())});
    }
    std::vector<stop> stops;
    for (const instruction& step : code_->body.code)
      if (const auto here = found.find(step.node); here != found.end()) stops.push_back(std::move(here->second));
    if (stops.size() != found.size()) throw failure("network: a consumer of its channels runs inside a loop or a branch");
    return stops;
  }

  // Sums over all batches of the kept positions in the cut network, followed by all positions in the original.
  std::vector<moments_state> side_by_side(const stop& here, const std::vector<stop::reading>& readings) {
    std::vector<moments_state> sums(readings.size());
    passes_.each([&](std::span<stepper> batch) {
      advance(batch[original], here.node);
      if (disturbed_)
        advance(batch[cut], here.node);
      else
        batch[cut] = batch[original];
      for (std::size_t r = 0; r < readings.size(); ++r) add_images(readings[r], batch, sums[r]);
    });
    return sums;
  }

  void add_images(const stop::reading& reading, std::span<stepper> batch, moments_state& sums) const {
    const consumer_site& site = graph_.sites[reading.site];
    const auto count = static_cast<std::int64_t>(site.layout.size());
    const at::Tensor positions = at::tensor(kept_positions(site.layout, mask_), at::kLong);
    const at::Tensor d = batch[original].input(reading.input).narrow(site.axis, site.first, count);
    const at::Tensor z = batch[cut].input(reading.input).narrow(site.axis, site.first, count).index_select(site.axis, positions);
    at::Tensor both = at::cat({z, d}, site.axis).to(at::kFloat);
    std::int64_t axis = site.axis;
    if (both.dim() > 4) {
      both = both.movedim(axis, 1).flatten(2);
      axis = 1;
    }
    accumulate_moments(ctx_, view_of(both, axis), {}, sums);
  }

  void refit_stop(const stop& here, const std::vector<stop::reading>& readings) {
    if (readings.empty()) return;
    const std::vector<moments_state> sums = side_by_side(here, readings);
    disturbed_ = true;
    for (std::size_t r = 0; r < readings.size(); ++r) refit_site(graph_.sites[readings[r].site], moments_sync(sums[r]));
  }

  void refit_site(const consumer_site& site, const moments& measured) {
    const std::vector<std::int64_t> kept = kept_positions(site.layout, mask_);
    const site_map map = fit(measured, kept, static_cast<std::int64_t>(site.layout.size()), options_.lambda);
    for (const consumer& reader : site.consumers) refit_reader(site, reader, map, kept);
  }

  void refit_reader(const consumer_site& site, const consumer& reader, const site_map& map, const std::vector<std::int64_t>& kept) {
    const op_value& weight_value = captured_.ops.values.at(static_cast<std::size_t>(reader.weight));
    const offset_sink sink = readings_.sink_of(reader.weight);
    const bool shared = readings_.all().at(reader.weight).size() != static_cast<std::size_t>(reader.blocks);
    const at::Tensor original = tensor_of(net_, captured_, reader.weight);
    at::Tensor& weight = result_.tensors.try_emplace(weight_value.name, original.clone()).first->second;
    if (sink.type == offset_sink::kind::none || shared) {
      if (reader.block == 0)
        result_.notes.push_back(text(weight_value.name, " is not refitted: ", shared ? "several operators read it" : sink.problem));
      zero_positions(weight, reader, removed_positions(site.layout, mask_));
    } else {
      const at::Tensor rows = block_of(original, reader).to(at::kDouble);  // [out, C, taps]
      const at::Tensor fitted = at::matmul(rows.transpose(1, 2), map.matrix).transpose(1, 2);
      at::Tensor target = at::zeros_like(rows).index_copy_(1, at::tensor(kept, at::kLong), fitted);
      write_block(weight, reader, target);
      const double share = share_of_taps(captured_.ops.ops.at(static_cast<std::size_t>(reader.op)), reader, original.dim());
      absorb(sink, reader, share * rows.sum(2).mv(map.offset), rows.size(0), weight_value.name, original.options());
    }
    apply_to_cut(reader);
  }

  static void write_block(at::Tensor& weight, const consumer& reader, const at::Tensor& rows) {
    const std::int64_t extent = weight.size(0) / reader.blocks;
    at::Tensor part = weight.narrow(0, reader.block * extent, extent);
    if (reader.input_axis == 0) part = part.transpose(0, 1);
    part.copy_(rows.reshape(part.sizes()));
  }

  // Every block of a grouped convolution adds to its own part of the offset.
  void absorb(const offset_sink& sink, const consumer& reader, const at::Tensor& offset, std::int64_t outputs, const std::string& weight,
              const at::TensorOptions& options) {
    const auto add = [&](const std::string& name, const at::Tensor& before, double sign) {
      at::Tensor& after = result_.tensors.try_emplace(name, before.clone()).first->second;
      at::Tensor part = after.narrow(0, reader.block * outputs, outputs);
      part.copy_(part.to(at::kDouble) + sign * offset);
    };
    if (sink.type == offset_sink::kind::added_bias) {
      const auto [bias, added] = result_.added_biases.try_emplace(weight, "");
      if (added) bias->second = added_bias_name(weight, captured_, result_);
      add(bias->second, at::zeros({outputs * reader.blocks}, options), 1);
      return;
    }
    const double sign = sink.type == offset_sink::kind::bias ? 1 : -1;
    for (const std::int32_t value : sink.values)
      add(captured_.ops.values.at(static_cast<std::size_t>(value)).name, tensor_of(net_, captured_, value), sign);
  }

  // The cut network's passes read the new tensors from here on.
  void apply_to_cut(const consumer& reader) {
    for (const argument_override& change : overrides_of_reader(captured_, reader, result_)) passes_.replace(cut, change);
  }

  const context& ctx_;
  const network& net_;
  const captured_network& captured_;
  const channel_graph& graph_;
  const channel_mask& mask_;
  const refit_options& options_;
  weight_readings readings_;
  std::shared_ptr<const program> code_;
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
