#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "consumer_weights.hpp"
#include "sirfp/adapter/joint.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

bool only_redraws(const std::string& name) {
  return name.starts_with("aten::upsample") || name.starts_with("aten::__interpolate") || name == "aten::softmax" ||
         name == "aten::log_softmax" || name == "aten::argmax";
}

// The tensor that is judged: the network's output with interpolation, softmax and argmax at its end left out.
struct judged_tensor {
  const torch::jit::Node* node = nullptr;  // who makes it
  std::size_t place = 0;                   // among the tensors that the node makes, lists flattened
};

judged_tensor judged_output(const network& net, const captured_network& captured) {
  const std::size_t which = net.output < 0 ? 0 : static_cast<std::size_t>(net.output);
  std::int32_t value = captured.ops.outputs.at(which);
  for (auto i = static_cast<std::int32_t>(captured.ops.ops.size()) - 1; i >= 0; --i) {
    const op& made_by = captured.ops.ops[static_cast<std::size_t>(i)];
    const auto place = std::find(made_by.outputs.begin(), made_by.outputs.end(), value);
    if (place == made_by.outputs.end()) continue;
    if (!only_redraws(made_by.name) || made_by.arguments.at(0).values.empty())
      return {captured.nodes.at(static_cast<std::size_t>(i)), static_cast<std::size_t>(place - made_by.outputs.begin())};
    value = made_by.arguments[0].values[0];
  }
  throw failure("network: its output is made by no operator that was seen");
}

// The first operator that reads channels of the group.
std::int32_t first_reader(const channel_graph& graph, std::int32_t group) {
  std::int32_t first = -1;
  for (const consumer_site& site : graph.sites) {
    if (std::none_of(site.layout.begin(), site.layout.end(), [&](channel_ref c) { return c.group == group; })) continue;
    for (const consumer& reader : site.consumers)
      if (first < 0 || reader.op < first) first = reader.op;
  }
  return first;
}

// Widths to try, as numbers of removed channels: ascending, distinct, whole quanta, at least one channel (of every block) stays.
std::vector<std::int64_t> removals_at(const removal_curve& curve, const std::vector<double>& shares) {
  const auto channels = static_cast<std::int64_t>(curve.order.size());
  std::set<std::int64_t> removed;
  for (const double share : shares) {
    const auto kept = static_cast<std::int64_t>(std::llround(share * static_cast<double>(channels / curve.quantum))) * curve.quantum;
    const std::int64_t r = channels - std::max(kept, curve.quantum);
    if (r > 0) removed.insert(r);
  }
  return {removed.begin(), removed.end()};
}

struct cut {
  std::size_t curve = 0;
  std::int32_t start = -1;
  std::vector<std::int64_t> removals;
};

class sensitivity {
 public:
  sensitivity(const context& ctx, const network& net, const captured_network& captured, const channel_graph& graph,
              std::span<const removal_curve> curves, const std::map<std::string, moments_state>& sites,
              const std::vector<at::Tensor>& batches, const sensitivity_options& options)
      : ctx_(ctx),
        net_(net),
        captured_(captured),
        graph_(graph),
        curves_(curves),
        sites_(sites),
        options_(options),
        judged_(judged_output(net, captured)) {
    const auto code = std::make_shared<const program>(compile(net));
    for (const at::Tensor& batch : batches) base_.emplace_back(code, batch);
    for (std::size_t c = 0; c < curves.size(); ++c) {
      const std::int32_t start = first_reader(graph, curves[c].group);
      if (start >= 0) cuts_.push_back({c, start, removals_at(curves[c], options.points)});
      total_ += start < 0 ? 0 : static_cast<std::int64_t>(cuts_.back().removals.size() * batches.size());
    }
    std::stable_sort(cuts_.begin(), cuts_.end(), [](const cut& a, const cut& b) { return a.start < b.start; });
  }

  std::vector<sensitivity_curve> run() {
    measure_reference();
    std::vector<sensitivity_curve> measured;
    for (const cut& at : cuts_) {
      const torch::jit::Node* start = captured_.nodes.at(static_cast<std::size_t>(at.start));
      for (stepper& batch : base_)
        while (batch.next() != start) batch.step();
      measured.push_back({curves_[at.curve].group, {}});
      for (const std::int64_t removed : at.removals) measured.back().points.push_back({removed, error_at(curves_[at.curve], removed)});
    }
    return measured;
  }

 private:
  at::Tensor output_of(stepper pass) const {
    std::vector<torch::jit::IValue> outputs;
    while (!pass.done()) {
      if (pass.step(&outputs) != judged_.node) continue;
      std::vector<at::Tensor> tensors;
      for (const torch::jit::IValue& output : outputs)
        for (const at::Tensor& tensor : output_tensors(output)) tensors.push_back(tensor);
      if (judged_.place >= tensors.size()) throw failure("network: its output was last written through a view of it");
      return tensors[judged_.place].to(at::kDouble);
    }
    throw failure("network: its output was not reached");
  }

  void measure_reference() {
    at::Tensor sum, squares;
    std::int64_t elements = 0;
    for (const stepper& batch : base_) {
      reference_.push_back(output_of(batch));
      sum = sum.defined() ? sum + reference_.back().sum() : reference_.back().sum();
      elements += reference_.back().numel();
    }
    const double mean = sum.item<double>() / static_cast<double>(elements);
    for (const at::Tensor& output : reference_) variation_ += (output - mean).square().sum().item<double>();
  }

  double error_at(const removal_curve& curve, std::int64_t removed) {
    channel_mask mask = full_mask(graph_);
    for (std::int64_t t = 0; t < removed; ++t)
      mask[static_cast<std::size_t>(curve.group)][static_cast<std::size_t>(curve.order[static_cast<std::size_t>(t)])] = 0;
    const compensated_weights weights =
        compensate(ctx_, net_, captured_, graph_, mask, sites_, compensation::least_squares, options_.lambda);
    std::vector<argument_override> overrides = overrides_of(net_, captured_, graph_, mask, weights);
    for (argument_override& change : overrides) change.tensor = sent_to(net_.place->device(), change.tensor);
    at::Tensor squares = at::zeros({}, reference_.front().options());  // read once for all passes: a device is waited for then
    for (std::size_t b = 0; b < base_.size(); ++b) {
      stepper pass = base_[b];
      for (const argument_override& change : overrides) pass.replace(change);
      squares += (output_of(std::move(pass)) - reference_[b]).square().sum();
      if (options_.progress) options_.progress(++done_, total_);
    }
    return variation_ > 0 ? squares.item<double>() / variation_ : 0;
  }

  const context& ctx_;
  const network& net_;
  const captured_network& captured_;
  const channel_graph& graph_;
  std::span<const removal_curve> curves_;
  const std::map<std::string, moments_state>& sites_;
  const sensitivity_options& options_;
  judged_tensor judged_;
  std::vector<stepper> base_;
  std::vector<cut> cuts_;
  std::vector<at::Tensor> reference_;
  double variation_ = 0;
  std::int64_t done_ = 0;
  std::int64_t total_ = 0;
};

}  // namespace

std::vector<sensitivity_curve> measure_sensitivity(const context& ctx, const network& net, const captured_network& captured,
                                                   const channel_graph& graph, std::span<const removal_curve> curves,
                                                   const std::map<std::string, moments_state>& sites,
                                                   const std::vector<at::Tensor>& batches, const sensitivity_options& options) {
  SIRFP_EXPECTS(!batches.empty(), "sensitivity: no images to measure on");
  const c10::InferenceMode guard;
  return sensitivity(ctx, net, captured, graph, curves, sites, batches, options).run();
}

}  // namespace sirfp::adapter
