#include "execution.hpp"

#include "containers.hpp"
#include "module_paths.hpp"
#include "operator_error.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {

using torch::jit::IValue;
using torch::jit::Stack;

namespace {

void compute(const instruction& step, Stack& stack) {
  using kind = instruction::kind;
  switch (step.what) {
    case kind::call:
      (*step.operation)(stack);
      return;
    case kind::list:
      construct_list(step.node, stack);
      return;
    case kind::tuple:
      construct_tuple(step.node, stack);
      return;
    case kind::dict:
      construct_dict(step.node, stack);
      return;
    case kind::unpack_list:
      unpack_list(step.node, stack);
      return;
    case kind::unpack_tuple:
      unpack_tuple(stack);
      return;
    case kind::slice_tuple:
      slice_tuple(step.node, stack);
      return;
    case kind::instance_of:
      test_instance(step.node, stack);
      return;
    case kind::uninitialized:
      stack.assign(1, IValue::uninitialized());
      return;
    case kind::raise:
      throw failure(text(described(step.node), ": ", stack.at(0).isString() ? stack[0].toStringRef() : "the network raised an error"));
    case kind::branch:
    case kind::loop:
    case kind::refuse:
      break;
  }
  throw failure(text(described(step.node), ": cannot be run operator by operator"));
}

}  // namespace

void execution::block(const block_code& code, Stack& results) {
  for (const instruction& step : code.code) {
    Stack stack;
    load(step.inputs, stack);
    run(step, stack);
    store(step.outputs, stack);
    finish(step);
  }
  results.clear();
  load(code.results, results);
}

void execution::run(const instruction& step, Stack& stack) {
  if (step.what == instruction::kind::branch)
    branch(step, stack);
  else if (step.what == instruction::kind::loop)
    loop(step, stack);
  else
    operate(step, stack);
}

void execution::load(const std::vector<instruction::operand>& operands, Stack& stack) {
  stack.reserve(operands.size());
  for (const auto& operand : operands) {
    if (operand.last_use)
      stack.push_back(std::move(slot(operand.slot)));
    else
      stack.push_back(slot(operand.slot));
  }
}

void execution::store(const std::vector<std::int32_t>& targets, Stack& values) {
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (targets[i] >= 0) slot(targets[i]) = std::move(values[i]);
}

void execution::finish(const instruction& step) {
  for (const auto finished : step.done) slot(finished) = IValue();
}

void execution::branch(const instruction& step, Stack& stack) {
  const block_code& taken = *step.blocks[stack.back().toBool() ? 0 : 1];
  block(taken, stack);
}

void execution::loop(const instruction& step, Stack& stack) {
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

void execution::operate(const instruction& step, Stack& stack) {
  if (listener_) listener_->before(step.node, stack);
  try {
    compute(step, stack);
  } catch (const sirfp::failure&) {
    throw;
  } catch (const c10::OutOfMemoryError& error) {  // of a GPU; names the bytes asked for and free
    throw out_of_memory(text(described(step.node), ": ", first_line(error)));
  } catch (const c10::AcceleratorError& error) {  // a lost device, a fault in a kernel
    throw failure(text(described(step.node), ": ", first_line(error)));
  } catch (const std::exception& error) {
    throw operator_error(text(described(step.node), ": ", first_line(error)));
  }
  if (listener_) listener_->after(step.node, stack);
}

}  // namespace sirfp::adapter
