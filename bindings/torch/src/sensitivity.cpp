#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "consumer_weights.hpp"
#include "side_by_side.hpp"
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
      each_batch([&](std::size_t b) {
        while (base_[b].next() != start) base_[b].step();
      });
      measured.push_back({curves_[at.curve].group, points_of(curves_[at.curve], at.removals)});
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

  c10::Device device() const { return net_.place->device(); }

  void each_batch(const std::function<void(std::size_t)>& body) const {
    side_by_side(device(), static_cast<std::int64_t>(base_.size()), [&](std::int64_t b) { body(static_cast<std::size_t>(b)); });
  }

  void measure_reference() {
    reference_.resize(base_.size());
    each_batch([&](std::size_t b) { reference_[b] = output_of(base_[b]); });
    at::Tensor sum;
    std::int64_t elements = 0;
    for (const at::Tensor& output : reference_) {
      sum = sum.defined() ? sum + output.sum() : output.sum();
      elements += output.numel();
    }
    const double mean = sum.item<double>() / static_cast<double>(elements);
    for (const at::Tensor& output : reference_) variation_ += (output - mean).square().sum().item<double>();
  }

  // What the readers of the curve's group read when so many of its channels are gone.
  std::vector<argument_override> compensated(const removal_curve& curve, std::int64_t removed) const {
    channel_mask mask = full_mask(graph_);
    for (std::int64_t t = 0; t < removed; ++t)
      mask[static_cast<std::size_t>(curve.group)][static_cast<std::size_t>(curve.order[static_cast<std::size_t>(t)])] = 0;
    const compensated_weights weights =
        compensate(ctx_, net_, captured_, graph_, mask, sites_, compensation::least_squares, options_.lambda);
    std::vector<argument_override> overrides = overrides_of(net_, captured_, graph_, mask, weights);
    for (argument_override& change : overrides) change.tensor = sent_to(device(), change.tensor);
    return overrides;
  }

  at::Tensor squared_error(std::size_t batch, const std::vector<argument_override>& overrides) const {
    stepper pass = base_[batch];
    for (const argument_override& change : overrides) pass.replace(change);
    return (output_of(std::move(pass)) - reference_[batch]).square().sum();
  }

  std::vector<sensitivity_point> points_of(const removal_curve& curve, const std::vector<std::int64_t>& removals) {
    std::vector<std::vector<argument_override>> overrides;
    for (const std::int64_t removed : removals) overrides.push_back(compensated(curve, removed));
    const std::size_t batches = base_.size();
    std::vector<at::Tensor> squares(removals.size() * batches);  // read at the end: a device is waited for then
    const auto most = static_cast<std::size_t>(most_side_by_side(device()));
    for (std::size_t first = 0; first < squares.size(); first += most) {
      const std::size_t count = std::min(most, squares.size() - first);
      side_by_side(device(), static_cast<std::int64_t>(count), [&](std::int64_t i) {
        const std::size_t pass = first + static_cast<std::size_t>(i);
        squares[pass] = squared_error(pass % batches, overrides[pass / batches]);
      });
      for (std::size_t i = 0; i < count; ++i)
        if (options_.progress) options_.progress(++done_, total_);
    }
    std::vector<sensitivity_point> points;
    for (std::size_t k = 0; k < removals.size(); ++k) {
      at::Tensor sum = squares[k * batches];
      for (std::size_t b = 1; b < batches; ++b) sum = sum + squares[k * batches + b];
      points.push_back({removals[k], variation_ > 0 ? sum.item<double>() / variation_ : 0});
    }
    return points;
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
