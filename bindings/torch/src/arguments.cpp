// Operator arguments as the op list keeps them.
#include "module_paths.hpp"
#include "recorder.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

using torch::jit::IValue;
using torch::jit::Node;
using torch::jit::Value;
using kind = op_argument::kind;

bool is_constant(const Value* value) { return value->node()->kind() == c10::prim::Constant; }

// 1 where element `i` of `count` is a constant that is written in the graph.
std::uint8_t is_literal(const Value* value, std::size_t i, std::size_t count) {
  if (is_constant(value)) return 1;
  const Node* node = value->node();
  return node->kind() == c10::prim::ListConstruct && node->inputs().size() == count && is_constant(node->input(i)) ? 1 : 0;
}

op_argument of_kind(kind type) {
  op_argument made;
  made.type = type;
  return made;
}

op_argument integer(kind type, std::int64_t content, std::uint8_t literal) {
  auto made = of_kind(type);
  made.ints = {content};
  made.literal = {literal};
  return made;
}

op_argument real(double content) {
  auto made = of_kind(kind::floats);
  made.floats = {content};
  return made;
}

op_argument words(kind type, std::string content) {
  auto made = of_kind(type);
  made.text = std::move(content);
  return made;
}

op_argument number(const IValue& content, std::uint8_t literal) {
  if (content.isInt()) return integer(kind::ints, content.toInt(), literal);
  if (content.isBool()) return integer(kind::boolean, content.toBool() ? 1 : 0, literal);
  return real(content.toDouble());
}

}  // namespace

op_argument recorder::tensor_argument(const Node* node, const Value* value, const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  if (!tensors_.is_number(tensor)) {
    auto made = of_kind(kind::tensor);
    made.values = {value_of(node, value, tensor)};
    return made;
  }
  if (tensor.is_floating_point()) return real(tensor.item<double>());
  return integer(kind::ints, tensor.item<std::int64_t>(), 0);
}

op_argument recorder::argument(const Node* node, const Value* value, const IValue& content) {
  if (content.isNone()) return {};
  if (content.isTensor()) return tensor_argument(node, value, content.toTensor());
  if (content.isInt() || content.isBool() || content.isDouble()) return number(content, is_literal(value, 0, 1));
  if (content.isString()) return words(kind::text, content.toStringRef());
  if (!content.isList()) return words(kind::other, content.tagKind());

  const auto elements = content.toListRef();
  const auto element_type = content.toList().elementType();
  op_argument list;
  if (element_type->isSubtypeOf(*c10::IntType::get()) || element_type->isSubtypeOf(*c10::BoolType::get())) {
    list.type = element_type->isSubtypeOf(*c10::IntType::get()) ? kind::ints : kind::boolean;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      list.ints.push_back(elements[i].isInt() ? elements[i].toInt() : elements[i].toBool());
      list.literal.push_back(is_literal(value, i, elements.size()));
    }
  } else if (element_type->isSubtypeOf(*c10::FloatType::get())) {
    list.type = kind::floats;
    for (const IValue& element : elements) list.floats.push_back(element.toDouble());
  } else if (element_type->isSubtypeOf(*c10::OptionalType::create(c10::TensorType::get()))) {
    list.type = kind::tensors;
    const bool built_here = value->node()->kind() == c10::prim::ListConstruct && value->node()->inputs().size() == elements.size();
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const bool present = elements[i].isTensor() && elements[i].toTensor().defined() && !tensors_.is_number(elements[i].toTensor());
      list.values.push_back(present ? value_of(node, built_here ? value->node()->input(i) : value, elements[i].toTensor()) : -1);
    }
  } else {
    list = words(kind::other, content.tagKind());
  }
  return list;
}

}  // namespace sirfp::adapter
