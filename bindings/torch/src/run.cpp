#include "containers.hpp"
#include "module_paths.hpp"
#include "operator_error.hpp"
#include "program.hpp"
#include "sirfp/adapter/network.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

using torch::jit::IValue;
using torch::jit::Stack;

class execution {
 public:
  execution(std::vector<IValue> slots, run_listener* listener) : slots_(std::move(slots)), listener_(listener) {}

  IValue& slot(std::int32_t index) { return slots_[static_cast<std::size_t>(index)]; }

  void block(const block_code& code, Stack& results) {
    for (const instruction& step : code.code) {
      Stack stack;
      load(step.inputs, stack);
      if (step.what == instruction::kind::branch) branch(step, stack);
      else if (step.what == instruction::kind::loop) loop(step, stack);
      else operate(step, stack);
      store(step.outputs, stack);
      for (const auto finished : step.done) slot(finished) = IValue();
    }
    results.clear();
    load(code.results, results);
  }

 private:
  void load(const std::vector<instruction::operand>& operands, Stack& stack) {
    stack.reserve(operands.size());
    for (const auto& operand : operands) {
      if (operand.last_use) stack.push_back(std::move(slot(operand.slot)));
      else stack.push_back(slot(operand.slot));
    }
  }
  void store(const std::vector<std::int32_t>& targets, Stack& values) {
    for (std::size_t i = 0; i < targets.size(); ++i)
      if (targets[i] >= 0) slot(targets[i]) = std::move(values[i]);
  }

  void branch(const instruction& step, Stack& stack) {
    const block_code& taken = *step.blocks[stack.back().toBool() ? 0 : 1];
    block(taken, stack);
  }

  void loop(const instruction& step, Stack& stack) {
    const std::int64_t limit = stack[0].toInt();
    bool again = stack[1].toBool();
    Stack carried(std::make_move_iterator(stack.begin() + 2), std::make_move_iterator(stack.end()));
    const block_code& body = *step.blocks[0];
    for (std::int64_t i = 0; i < limit && again; ++i) {
      carried.insert(carried.begin(), IValue(i));
      store(body.parameters, carried);
      block(body, carried);
      again = carried.front().toBool();
      carried.erase(carried.begin());
    }
    stack = std::move(carried);
  }

  void operate(const instruction& step, Stack& stack) {
    if (listener_) listener_->before(step.node, stack);
    try {
      compute(step, stack);
    } catch (const sirfp::failure&) {
      throw;
    } catch (const std::exception& error) {
      throw operator_error(text(described(step.node), ": ", first_line(error)));
    }
    if (listener_) listener_->after(step.node, stack);
  }

  static void compute(const instruction& step, Stack& stack) {
    using kind = instruction::kind;
    switch (step.what) {
      case kind::call: (*step.operation)(stack); return;
      case kind::list: construct_list(step.node, stack); return;
      case kind::tuple: construct_tuple(step.node, stack); return;
      case kind::dict: construct_dict(step.node, stack); return;
      case kind::unpack_list: unpack_list(step.node, stack); return;
      case kind::unpack_tuple: unpack_tuple(stack); return;
      case kind::slice_tuple: slice_tuple(step.node, stack); return;
      case kind::instance_of: test_instance(step.node, stack); return;
      case kind::uninitialized: stack.assign(1, IValue::uninitialized()); return;
      case kind::branch:
      case kind::loop:
      case kind::refuse: break;
    }
    throw failure(text(described(step.node), ": cannot be run operator by operator"));
  }

  std::vector<IValue> slots_;
  run_listener* listener_;
};

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

runner::runner(const network& net) : program_(std::make_unique<const program>(compile(net.graph, net.module))) {}
runner::runner(runner&&) noexcept = default;
runner& runner::operator=(runner&&) noexcept = default;
runner::~runner() = default;

IValue runner::operator()(const at::Tensor& input, run_listener* listener) const {
  const c10::InferenceMode guard;
  execution state(program_->slots, listener);
  if (program_->input >= 0) state.slot(program_->input) = input;
  Stack results;
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
