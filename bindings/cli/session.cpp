#include "session.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "interrupt.hpp"
#include "sirfp/adapter/observe.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/nearest.hpp"

namespace sirfp::cli {
namespace {

// What goes wrong with a network names its file.
adapter::captured_network capture_named(const adapter::network& net, const at::Tensor& example) {
  try {
    return adapter::capture(net, example);
  } catch (const invalid_argument& problem) {
    const std::string path = net.path.string();
    const std::string what = problem.what();
    throw invalid_argument(what.find(path) == std::string::npos ? path + ": " + what : what);
  }
}

}  // namespace

void set_up_computing(const common_options& common) {
  at::globalContext().setFlushDenormal(true);
  if (common.threads) at::set_num_threads(static_cast<int>(*common.threads));
  if (common.device.is_cpu()) return;
  at::globalContext().setAllowTF32CuDNN(false);  // its default: convolutions of fp32 with 10 bits
  try {
    adapter::context_on(common.device, nullptr);
  } catch (const invalid_argument& problem) {
    throw invalid_argument(text("--device ", common.device, ": ", problem.what()));
  }
}

adapter::network open_network(const std::filesystem::path& path, const common_options& common) {
  check_interrupt();
  announce(common.progress(), "loading " + path.string());
  adapter::network net = adapter::load_network(path, common.device);
  net.output = common.output.value_or(-1);
  return net;
}

session::session(adapter::network opened, const at::Tensor& example_input, const std::vector<std::string>& lock)
    : net(std::move(opened)),
      context(adapter::context_on(net.place->device(), interruptible(adapter::aten_executor()))),
      example(example_input),
      captured(capture_named(net, example)),
      graph(analyse_channels(captured.ops, {.lock = lock})) {
  check_interrupt();
}

void expect_prunable(const session& opened) {
  for (const channel_group& group : opened.graph.groups) {
    if (!group.locked) return;
  }
  const std::string why = opened.graph.groups.empty() ? "it has no convolution or linear layer" : opened.graph.groups.front().lock_reason;
  throw invalid_argument(text(opened.net.path.string(), ": no group of channels can be pruned; expected at least one (", why, ")"));
}

void expect_backbone(const session& opened, const std::string& prefix) {
  std::vector<std::string> names;
  for (const observed_layer& layer : opened.graph.layers) {
    if (layer.name.starts_with(prefix)) return;
    names.push_back(layer.name);
  }
  const std::string close = nearest(prefix, names);
  throw invalid_argument(
      text("--backbone ", prefix, ": no observed layer of ", opened.net.path.string(), " starts with it; the nearest is ", close));
}

void expect_one_output(const session& opened) {
  const auto count = static_cast<std::int64_t>(opened.captured.ops.outputs.size());
  SIRFP_EXPECTS(opened.net.output < count, "--output ", opened.net.output, ": ", opened.net.path.string(), " returns ", count,
                count == 1 ? " tensor" : " tensors");
  SIRFP_EXPECTS(count == 1 || opened.net.output >= 0, opened.net.path.string(), ": returns ", count, " tensors: expected --output K, 0 to ",
                count - 1, ", the one whose error decides widths (or --allocate joint or uniform)");
}

at::Tensor noise_input(const std::vector<std::int64_t>& shape, const common_options& common) {
  at::Generator generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(common.seed.value_or(0)));
  return adapter::sent_to(common.device, at::randn(shape, generator, at::TensorOptions().dtype(at::kFloat)));
}

at::Tensor forward(const adapter::network& net, const at::Tensor& input) {
  check_interrupt();
  return adapter::output_tensor(net, adapter::run(net, input));
}

}  // namespace sirfp::cli
