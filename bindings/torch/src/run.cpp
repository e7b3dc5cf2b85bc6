#include "execution.hpp"
#include "sirfp/adapter/network.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

using torch::jit::IValue;

void collect_tensors(const IValue& value, std::vector<at::Tensor>& found) {
  if (value.isTensor()) {
    found.push_back(value.toTensor());
  } else if (value.isTuple()) {
    for (const auto& element : value.toTupleRef().elements()) collect_tensors(element, found);
  } else if (value.isList()) {
    for (const IValue& element : value.toListRef()) collect_tensors(element, found);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) collect_tensors(entry.value(), found);
  }
}

}  // namespace

runner::runner(const network& net) : program_(std::make_unique<const program>(compile(net))) {}
runner::runner(runner&&) noexcept = default;
runner& runner::operator=(runner&&) noexcept = default;
runner::~runner() = default;
c10::Device runner::device() const noexcept { return program_->device; }

IValue runner::operator()(const at::Tensor& input, run_listener* listener) const {
  const c10::InferenceMode guard;
  execution state(program_->slots, listener);
  if (program_->input >= 0) state.slot(program_->input) = sent_to(program_->device, input);
  torch::jit::Stack results;
  state.block(program_->body, results);
  return results.size() == 1 ? std::move(results[0]) : IValue(c10::ivalue::Tuple::create(std::move(results)));
}

IValue run(const network& net, const at::Tensor& input, run_listener* listener) { return runner(net)(input, listener); }

std::vector<at::Tensor> output_tensors(const IValue& output) {
  std::vector<at::Tensor> found;
  collect_tensors(output, found);
  return found;
}

at::Tensor output_tensor(const network& net, const IValue& output) {
  const auto tensors = output_tensors(output);
  SIRFP_EXPECTS(!tensors.empty(), "network: its output holds no tensor");
  const std::int64_t count = static_cast<std::int64_t>(tensors.size());
  SIRFP_EXPECTS(net.output < count, "network: output ", net.output, " was asked for, it has ", count);
  return tensors[static_cast<std::size_t>(std::max<std::int64_t>(0, net.output))];
}

}  // namespace sirfp::adapter
