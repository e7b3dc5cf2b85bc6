#include "sirfp/adapter/recalibrate.hpp"

#include <ATen/ATen.h>

#include <map>
#include <numeric>

#include "consumer_weights.hpp"
#include "paused_passes.hpp"
#include "sirfp/expects.hpp"
#include "slices.hpp"

namespace sirfp::adapter {
namespace {

// aten::batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled)
constexpr std::size_t input_argument = 0, mean_argument = 3, variance_argument = 4, training_argument = 5;

struct norm {
  const torch::jit::Node* node = nullptr;
  std::int32_t input = -1;  // value ids
  std::int32_t mean = -1;
  std::int32_t variance = -1;
};

// Of one channel's pixels, for all channels at once.
struct channel_sums {
  double pixels = 0;
  at::Tensor mean;     // [C], double
  at::Tensor squares;  // [C], around the mean

  // Chan's pairwise update.
  void add(const at::Tensor& map) {
    const at::Tensor rows = map.transpose(0, 1).reshape({map.size(1), -1}).to(at::kDouble);
    const auto count = static_cast<double>(rows.size(1));
    if (count == 0) return;
    const auto [variance, average] = at::var_mean(rows, at::IntArrayRef{1}, /*unbiased=*/false);
    const bool first = pixels == 0;
    const at::Tensor step = first ? at::zeros_like(average) : average - mean;
    mean = first ? average : mean + step * (count / (pixels + count));
    squares = (first ? at::zeros_like(average) : squares) + variance * count + step * step * (pixels * count / (pixels + count));
    pixels += count;
  }
};

class recalibration {
 public:
  recalibration(const network& net, const captured_network& captured, const channel_graph& graph, const channel_mask& mask,
                compensated_weights weights, image_stream images, const sweep_options& options)
      : net_(net),
        captured_(captured),
        graph_(graph),
        mask_(mask),
        options_(options),
        result_(std::move(weights)),
        code_(std::make_shared<const program>(compile(net))),
        passes_({code_}, std::move(images), options.memory) {}

  compensated_weights run() {
    for (const argument_override& change : overrides_of(net_, captured_, graph_, mask_, result_)) passes_.replace(0, change);
    const std::vector<norm> norms = all_norms();
    std::int64_t done = 0;
    for (const norm& here : norms) {
      channel_sums sums;
      passes_.each([&](std::span<stepper> batch, std::uint64_t) {
        advance(batch[0], here.node);
        return [&sums, seen = batch[0].input(input_argument)] { sums.add(seen); };
      });
      if (sums.pixels > 1) take_over(here, sums);
      if (options_.progress) options_.progress(++done, static_cast<std::int64_t>(norms.size()));
    }
    return std::move(result_);
  }

 private:
  const op_value& value_at(std::int32_t id) const { return captured_.ops.values.at(static_cast<std::size_t>(id)); }

  std::int64_t live_readers(std::int32_t value) const {
    std::int64_t readers = 0;
    for (std::size_t i = 0; i < captured_.ops.ops.size(); ++i) {
      const auto reads = [&](const op_argument& argument) { return std::ranges::count(argument.values, value) > 0; };
      readers += graph_.live.at(i) != 0 && std::ranges::any_of(captured_.ops.ops[i].arguments, reads);
    }
    return readers;
  }

  // Why it has to be left alone; empty when it need not.
  std::string problem_of(std::int32_t statistic) const {
    if (value_at(statistic).kind == op_value::role::activation) return "it is computed";
    return live_readers(statistic) > 1 ? "several operators read it" : "";
  }

  // In execution order.
  std::vector<norm> all_norms() {
    std::map<const torch::jit::Node*, norm> found;
    for (std::size_t i = 0; i < captured_.ops.ops.size(); ++i) {
      const op& here = captured_.ops.ops[i];
      if (here.name != "aten::batch_norm" || graph_.live.at(i) == 0) continue;
      const auto tensor = [&](std::size_t argument) {
        return here.arguments.at(argument).type == op_argument::kind::tensor ? here.arguments[argument].values.at(0) : -1;
      };
      const norm one{captured_.nodes.at(i), tensor(input_argument), tensor(mean_argument), tensor(variance_argument)};
      const std::vector<std::int64_t>& training = here.arguments.at(training_argument).ints;
      if (one.mean < 0 || one.variance < 0 || (!training.empty() && training.front() != 0)) continue;
      const std::string of_mean = problem_of(one.mean), of_variance = problem_of(one.variance);
      if (!of_mean.empty())
        note(value_at(one.mean).name, of_mean);
      else if (!of_variance.empty())
        note(value_at(one.variance).name, of_variance);
      else
        found.emplace(one.node, one);
    }
    return in_order(std::move(found));
  }

  std::vector<norm> in_order(std::map<const torch::jit::Node*, norm> found) {
    std::vector<norm> norms;
    for (const instruction& step : code_->body.code)
      if (const auto here = found.extract(step.node); !here.empty()) norms.push_back(here.mapped());
    for (const auto& [node, one] : found) note(value_at(one.mean).name, "its operator runs inside a loop or a branch");
    return norms;
  }

  void note(const std::string& statistic, const std::string& problem) {
    const std::string line = statistic + " is not recalibrated: " + problem;
    if (std::ranges::count(result_.notes, line) == 0) result_.notes.push_back(line);
  }

  void take_over(const norm& here, const channel_sums& sums) {
    const channel_layout& layout = graph_.layouts.at(static_cast<std::size_t>(here.input));
    std::vector<std::int64_t> kept = kept_positions(layout, mask_);
    if (layout.empty()) {
      kept.resize(static_cast<std::size_t>(sums.mean.numel()));
      std::iota(kept.begin(), kept.end(), 0);
    }
    const auto replace = [&](std::int32_t statistic, std::size_t argument, const at::Tensor& measured) {
      const at::Tensor original = tensor_of(net_, captured_, statistic), positions = at::tensor(kept, at::kLong);
      at::Tensor& now = result_.tensors.try_emplace(value_at(statistic).name, original).first->second;
      now = now.index_copy(0, positions, measured.index_select(0, positions).to(original.options()));
      passes_.replace(0, {here.node, argument, now});
    };
    replace(here.mean, mean_argument, sums.mean.cpu());
    replace(here.variance, variance_argument, (sums.squares / (sums.pixels - 1)).cpu());
  }

  const network& net_;
  const captured_network& captured_;
  const channel_graph& graph_;
  const channel_mask& mask_;
  const sweep_options& options_;
  compensated_weights result_;
  std::shared_ptr<const program> code_;
  paused_passes passes_;
};

}  // namespace

compensated_weights recalibrate(const network& net, const captured_network& captured, const channel_graph& graph, const channel_mask& mask,
                                compensated_weights weights, image_stream images, const sweep_options& options) {
  const c10::InferenceMode guard;
  return recalibration(net, captured, graph, mask, std::move(weights), std::move(images), options).run();
}

}  // namespace sirfp::adapter
