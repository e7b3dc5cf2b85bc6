#include <ATen/ATen.h>

#include <algorithm>

#include "added_biases.hpp"
#include "consumer_weights.hpp"
#include "network_tensors.hpp"
#include "sirfp/adapter/apply.hpp"
#include "sirfp/expects.hpp"
#include "slices.hpp"
#include "weight_readings.hpp"

namespace sirfp::adapter {

namespace {

std::vector<std::uint8_t> kept_flags(const channel_layout& layout, const channel_mask& mask) {
  std::vector<std::uint8_t> kept(layout.size());
  std::transform(layout.begin(), layout.end(), kept.begin(),
                 [&](const channel_ref& c) { return static_cast<std::uint8_t>(is_kept(c, mask)); });
  return kept;
}

class compensator {
 public:
  compensator(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph,
              const channel_mask& mask, const std::map<std::string, moments_state>& sites, compensation how, double lambda)
      : ctx_(ctx), net_(net), captured_(captured), mask_(mask), sites_(sites), how_(how), lambda_(lambda), readings_(captured, graph) {}

  compensated_weights run() {
    for (const auto& [weight, readings] : readings_.all()) {
      const bool touched = std::any_of(readings.begin(), readings.end(), [&](const weight_reading& r) {
        return kept_positions(r.site->layout, mask_).size() < r.site->layout.size();
      });
      if (touched) compensate_weight(weight, readings);
    }
    return std::move(result_);
  }

 private:
  void compensate_weight(std::int32_t weight, const std::vector<weight_reading>& readings) {
    const op_value& value = captured_.ops.values.at(static_cast<std::size_t>(weight));
    const offset_sink sink = readings_.sink_of(weight);
    if (sink.type == offset_sink::kind::none) {
      result_.notes.push_back(text(value.name, " is not compensated: ", sink.problem));
      return;
    }
    const at::Tensor original = tensor_of(net_, captured_, weight);
    at::Tensor folded = original.to(at::kDouble).clone(at::MemoryFormat::Contiguous);
    const consumer& reader = *readings.front().reader;
    const double share = share_of_taps(captured_.ops.ops.at(static_cast<std::size_t>(reader.op)), reader, original.dim());
    const at::Tensor offset = at::tensor(fold_blocks(folded, readings), at::kDouble) * share;
    result_.tensors[value.name] = folded.to(original.options());
    absorb(sink, offset, value.name, original.options());
  }

  // Every block of the weight's rows (a weight without groups is one block) predicts from its own site.
  std::vector<double> fold_blocks(at::Tensor& weight, const std::vector<weight_reading>& readings) {
    const std::int64_t blocks = readings.front().reader->blocks;
    const std::int64_t rows = weight.size(0) / blocks;
    std::vector<double> offset;
    for (std::int64_t block = 0; block < blocks; ++block) {
      at::Tensor part = weight.narrow(0, block * rows, rows);
      if (readings.front().reader->input_axis == 0) part = part.transpose(0, 1);  // transposed convolution: [in, out, taps]
      at::Tensor flat = part.reshape({part.size(0), part.size(1), -1}).contiguous().clone();
      const resident_prediction& prediction = predict(block, readings, part.size(1));
      const std::span<double> values(flat.data_ptr<double>(), static_cast<std::size_t>(flat.numel()));
      const std::vector<double> of_block =
          with_cache_released(net_.place->device(), [&] { return prediction.fold_sync(values, flat.size(0), flat.size(2)); });
      offset.insert(offset.end(), of_block.begin(), of_block.end());
      part.copy_(flat.view(part.sizes()));
    }
    return offset;
  }

  // Consumers of the same sites share it.
  const resident_prediction& predict(std::int64_t block, const std::vector<weight_reading>& readings, std::int64_t inputs) {
    std::vector<const consumer_site*> sites;
    for (const weight_reading& reading : readings)
      if (reading.reader->block == block) sites.push_back(reading.site);
    const auto [place, added] = predictions_.try_emplace(std::move(sites));
    if (added) place->second = solve(place->first, inputs);
    return *place->second;
  }

  // Several sites (blocks of a grouped convolution that are equal, a weight read twice) are one with all their pixels.
  std::unique_ptr<const resident_prediction> solve(const std::vector<const consumer_site*>& sites, std::int64_t inputs) const {
    SIRFP_EXPECTS(!sites.empty(), "a consumer without a site to compensate from");
    std::vector<const moments_state*> measured;
    for (const consumer_site* site : sites) {
      const auto state = sites_.find(site->name);
      SIRFP_EXPECTS(state != sites_.end(), "no moments of site ", site->name, " to compensate from");
      SIRFP_EXPECTS(state->second.channels == inputs, "moments of site ", site->name, " have ", state->second.channels,
                    " channels, its consumer reads ", inputs);
      measured.push_back(&state->second);
    }
    // One slice of the weight: the same at every reading.
    const std::vector<std::uint8_t> kept = kept_flags(sites.front()->layout, mask_);
    return with_cache_released(net_.place->device(), [&] { return predict_resident_sync(ctx_, measured, kept, how_, lambda_); });
  }

  void absorb(const offset_sink& sink, const at::Tensor& offset, const std::string& weight, const at::TensorOptions& options) {
    if (sink.type == offset_sink::kind::added_bias) {
      const std::string name = added_bias_name(weight, captured_, result_);
      result_.added_biases[weight] = name;
      result_.tensors[name] = offset.to(options);
      return;
    }
    const double sign = sink.type == offset_sink::kind::bias ? 1 : -1;
    for (const std::int32_t value : sink.values) {
      const at::Tensor original = tensor_of(net_, captured_, value);
      result_.tensors[captured_.ops.values.at(static_cast<std::size_t>(value)).name] =
          (original.to(at::kDouble) + sign * offset).to(original.options());
    }
  }

  const context& ctx_;
  const network& net_;
  const captured_network& captured_;
  const channel_mask& mask_;
  const std::map<std::string, moments_state>& sites_;
  compensation how_;
  double lambda_;
  weight_readings readings_;
  std::map<std::vector<const consumer_site*>, std::unique_ptr<const resident_prediction>> predictions_;
  compensated_weights result_;
};

}  // namespace

compensated_weights compensate(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph,
                               const channel_mask& mask, const std::map<std::string, moments_state>& sites, compensation how,
                               double lambda) {
  if (how == compensation::none) return {};
  const at::NoGradGuard no_grad;
  return compensator(ctx, net, captured, graph, mask, sites, how, lambda).run();
}

}  // namespace sirfp::adapter
