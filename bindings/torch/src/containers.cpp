#include "containers.hpp"

#include <algorithm>

#include "module_paths.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {

using torch::jit::IValue;
using torch::jit::Node;
using torch::jit::Stack;

void construct_list(const Node* node, Stack& stack) {
  c10::impl::GenericList list(node->output()->type()->expectRef<c10::ListType>().getElementType());
  list.reserve(stack.size());
  for (IValue& element : stack) list.push_back(std::move(element));
  stack.assign(1, IValue(std::move(list)));
}

void construct_tuple(const Node* node, Stack& stack) {
  const auto type = node->output()->type()->expect<c10::TupleType>();
  auto tuple = type->name() ? c10::ivalue::Tuple::createNamed(std::move(stack), type) : c10::ivalue::Tuple::create(std::move(stack));
  stack.assign(1, IValue(std::move(tuple)));
}

void construct_dict(const Node* node, Stack& stack) {
  const auto& type = node->output()->type()->expectRef<c10::DictType>();
  c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
  dict.reserve(stack.size() / 2);
  for (std::size_t i = 0; i + 1 < stack.size(); i += 2) dict.insert_or_assign(std::move(stack[i]), std::move(stack[i + 1]));
  stack.assign(1, IValue(std::move(dict)));
}

void unpack_list(const Node* node, Stack& stack) {
  const auto list = stack.front().toList();
  if (list.size() != node->outputs().size())
    throw failure(text(described(node), ": a list of ", list.size(), ", expected ", node->outputs().size(), " elements"));
  stack.assign(list.begin(), list.end());
}

void unpack_tuple(Stack& stack) {
  const auto tuple = stack.front().toTuple();
  stack.assign(tuple->elements().begin(), tuple->elements().end());
}

void slice_tuple(const Node* node, Stack& stack) {
  const auto tuple = stack.front().toTuple();
  const auto& elements = tuple->elements();
  std::vector<IValue> part;
  for (auto i = node->i(torch::jit::attr::beg); i < node->i(torch::jit::attr::end); ++i)
    part.push_back(elements[static_cast<std::size_t>(i)]);
  stack.assign(1, IValue(c10::ivalue::Tuple::create(std::move(part))));
}

void test_instance(const Node* node, Stack& stack) {
  const auto type = stack.front().type();
  const auto& candidates = node->tys(torch::jit::attr::types);
  const bool is_one =
      std::any_of(candidates.begin(), candidates.end(), [&](const auto& candidate) { return type->isSubtypeOf(*candidate); });
  stack.assign(1, IValue(is_one));
}

IValue unshared(const IValue& value, container_copies& copies) {
  if (!value.isList() && !value.isGenericDict() && !value.isTuple()) return value;
  const void* const identity = value.internalToPointer();
  if (const auto made = copies.find(identity); made != copies.end()) return made->second;
  IValue copy;
  if (value.isList()) {
    c10::impl::GenericList list = value.toList().copy();
    for (std::size_t i = 0; i < list.size(); ++i) list.set(i, unshared(list.get(i), copies));
    copy = std::move(list);
  } else if (value.isGenericDict()) {
    c10::impl::GenericDict dict = value.toGenericDict().copy();
    for (const auto& entry : dict) entry.setValue(unshared(entry.value(), copies));
    copy = std::move(dict);
  } else {
    const auto& from = value.toTupleRef();
    std::vector<IValue> elements;
    for (const IValue& element : from.elements()) elements.push_back(unshared(element, copies));
    const auto type = from.type();
    copy = type->name() ? c10::ivalue::Tuple::createNamed(std::move(elements), type) : c10::ivalue::Tuple::create(std::move(elements));
  }
  copies.emplace(identity, copy);
  return copy;
}

}  // namespace sirfp::adapter
