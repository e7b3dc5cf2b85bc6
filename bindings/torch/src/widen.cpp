#include "widen.hpp"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>

#include <optional>

namespace sirfp::adapter {
namespace {

using torch::jit::Block;
using torch::jit::IValue;
using torch::jit::Node;
namespace attr = torch::jit::attr;

const c10::Symbol& stored_mark() {
  static const c10::Symbol mark = c10::Symbol::attr("sirfp_stored");
  return mark;
}

std::int64_t number_of(c10::ScalarType type) { return static_cast<std::int64_t>(type); }

// Tensors of the module tree; shared modules are seen once, optional tensors too.
template <class Visit>
void visit_tensors(const torch::jit::Module& module, const Visit& visit) {
  for (const auto& value : module.attributes())
    if (value.isTensor() && value.toTensor().defined()) visit(value.toTensor());
}

void convert(at::Tensor tensor, c10::ScalarType type) {
  const at::NoGradGuard no_gradients;
  tensor.set_data(tensor.detach().to(type));
}

bool is_dtype_argument(const Node* node, std::size_t input) {
  const auto* schema = node->maybeSchema();
  return schema && input < schema->arguments().size() && schema->arguments()[input].name() == "dtype";
}

void widen_literals(Node* node) {
  for (std::size_t i = 0; i < node->inputs().size(); ++i) {
    if (!is_dtype_argument(node, i) || node->input(i)->node()->kind() != c10::prim::Constant) continue;
    const auto value = torch::jit::toIValue(node->input(i));
    if (!value || !value->isInt() || !is_narrow(static_cast<c10::ScalarType>(value->toInt()))) continue;
    const torch::jit::WithInsertPoint point(node);
    auto* constant = node->owningGraph()->insertConstant(number_of(c10::kFloat));
    constant->node()->i_(stored_mark(), value->toInt());
    node->replaceInput(i, constant);
  }
}

void widen_block(Block* block) {
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) widen_block(inner);
    if (node->kind() == c10::prim::Constant && node->hasAttribute(attr::value) &&
        node->kindOf(attr::value) == torch::jit::AttributeKind::t) {
      const auto type = node->t(attr::value).scalar_type();
      if (!is_narrow(type)) continue;
      node->t_(attr::value, node->t(attr::value).to(c10::kFloat));
      node->i_(stored_mark(), number_of(type));
      if (node->output()->type()->cast<c10::TensorType>()) node->output()->setType(c10::TensorType::get());
    } else {
      widen_literals(node);
    }
  }
}

void narrow_block(Block* block) {
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) narrow_block(inner);
    if (node->kind() != c10::prim::Constant || !node->hasAttribute(stored_mark())) continue;
    const auto type = static_cast<c10::ScalarType>(node->i(stored_mark()));
    if (node->kindOf(attr::value) == torch::jit::AttributeKind::t) {
      node->t_(attr::value, node->t(attr::value).to(type));
    } else {
      node->i_(attr::value, number_of(type));
    }
    node->removeAttribute(stored_mark());
  }
}

}  // namespace

c10::ScalarType stored_type(const torch::jit::Module& module) {
  std::optional<c10::ScalarType> narrow;
  std::optional<c10::ScalarType> floating;
  visit_tensors(module, [&](const at::Tensor& tensor) {
    if (!tensor.is_floating_point()) return;
    if (!floating) floating = tensor.scalar_type();
    if (!narrow && is_narrow(tensor.scalar_type())) narrow = tensor.scalar_type();
  });
  return narrow.value_or(floating.value_or(c10::kFloat));
}

void widen_attributes(const torch::jit::Module& module) {
  visit_tensors(module, [](const at::Tensor& tensor) {
    if (is_narrow(tensor.scalar_type())) convert(tensor, c10::kFloat);
  });
}

void widen_graph(torch::jit::Graph& graph) { widen_block(graph.block()); }

torch::jit::Module narrowed(const torch::jit::Module& module, c10::ScalarType type) {
  auto copy = module.clone();  // with types and methods of its own
  visit_tensors(copy, [&](const at::Tensor& tensor) {
    if (tensor.scalar_type() == c10::kFloat) convert(tensor, type);
  });
  for (const auto& part : copy.modules())
    for (const auto& method : part.get_methods())
      if (auto* function = torch::jit::tryToGraphFunction(method.function())) narrow_block(function->graph()->block());
  return copy;
}

}  // namespace sirfp::adapter
