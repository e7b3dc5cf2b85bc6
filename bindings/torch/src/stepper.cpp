#include "stepper.hpp"

#include "containers.hpp"

namespace sirfp::adapter {

using torch::jit::IValue;
using torch::jit::Stack;

stepper::stepper(std::shared_ptr<const program> code, const at::Tensor& input) : code_(std::move(code)), state_(code_->slots, nullptr) {
  if (code_->input >= 0) state_.slot(code_->input) = sent_to(code_->device, input);
}

stepper::stepper(const stepper& other)
    : code_(other.code_), state_(other.state_), position_(other.position_), overrides_(other.overrides_) {
  container_copies copies;
  for (std::size_t slot = 0; slot < code_->slots.size(); ++slot) {
    IValue& held = state_.slot(static_cast<std::int32_t>(slot));
    held = unshared(held, copies);
  }
}

void stepper::replace(const argument_override& change) {
  overrides_[change.node].emplace_back(change.argument, sent_to(code_->device, change.tensor));
}

at::Tensor stepper::input(std::size_t argument) const { return state_.slot(instruction_at().inputs.at(argument).slot).toTensor(); }

namespace {

bool held_by_nobody_else(const at::Tensor& tensor) {
  return tensor.use_count() == 1 && tensor.has_storage() && tensor.storage().use_count() == 1;
}

}  // namespace

// Other passes that hold the tensor must not see it written; whatever this pass still reads of its memory, a view or what it is a view
// of, must. So all of these move to a copy of that memory; where the operator alone holds it, there is nothing to keep apart.
void stepper::isolate(const instruction& next, Stack& stack) {
  const c10::FunctionSchema* schema = next.node->maybeSchema();
  if (schema == nullptr || !schema->is_mutable()) return;
  const auto& arguments = schema->arguments();
  for (std::size_t i = 0; i < arguments.size() && i < stack.size(); ++i) {
    const auto* alias = arguments[i].alias_info();
    if (alias == nullptr || !alias->isWrite() || !stack[i].isTensor() || held_by_nobody_else(stack[i].toTensor())) continue;
    const at::Tensor written = stack[i].toTensor();
    const at::Tensor copy = at::empty({0}, written.options()).set_(written.storage()).clone();
    const auto move = [&](auto&& self, IValue& held) -> void {
      if (held.isTensorList() || held.isList()) {
        c10::List<IValue> list = held.toList();
        for (std::size_t k = 0; k < list.size(); ++k) {
          IValue element = list.get(k);
          self(self, element);
          list.set(k, element);
        }
      }
      if (!held.isTensor()) return;
      const at::Tensor tensor = held.toTensor();
      if (!tensor.defined() || !tensor.has_storage() || !tensor.is_alias_of(written) || tensor.dtype() != written.dtype()) return;
      held = copy.as_strided(tensor.sizes(), tensor.strides(), tensor.storage_offset());
    };
    for (IValue& held : stack) move(move, held);
    for (std::size_t slot = 0; slot < code_->slots.size(); ++slot) move(move, state_.slot(static_cast<std::int32_t>(slot)));
  }
}

const torch::jit::Node* stepper::step(std::vector<IValue>* outputs) {
  const c10::InferenceMode guard;
  const instruction& next = instruction_at();
  Stack stack;
  state_.load(next.inputs, stack);
  if (const auto changes = overrides_.find(next.node); changes != overrides_.end())
    for (const auto& [argument, tensor] : changes->second) stack.at(argument) = tensor;
  isolate(next, stack);
  state_.run(next, stack);
  if (outputs != nullptr) *outputs = stack;
  state_.store(next.outputs, stack);
  state_.finish(next);
  ++position_;
  return next.node;
}

void stepper::list_tensors(std::vector<at::Tensor>& live, std::vector<at::Tensor>& foreign) const {
  const auto append = [](const IValue& value, std::vector<at::Tensor>& list) {
    for (at::Tensor& tensor : output_tensors(value)) list.push_back(std::move(tensor));
  };
  for (std::size_t slot = 0; slot < code_->slots.size(); ++slot) {
    append(state_.slot(static_cast<std::int32_t>(slot)), live);
    append(code_->slots[slot], foreign);
  }
  for (const auto& [node, changes] : overrides_)
    for (const auto& [argument, tensor] : changes) foreign.push_back(tensor);
}

}  // namespace sirfp::adapter
