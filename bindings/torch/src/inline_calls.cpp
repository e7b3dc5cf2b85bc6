#include "inline_calls.hpp"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/inliner.h>

#include "module_paths.hpp"

namespace sirfp::adapter {
namespace {

using torch::jit::Block;
using torch::jit::Node;

// What a call node calls, and the module it is called on.
struct callee {
  torch::jit::GraphFunction* function = nullptr;
  std::string module;
};

callee callee_of(Node* call, const torch::jit::Module& root) {
  if (call->kind() == c10::prim::CallFunction) return {torch::jit::tryToGraphFunction(call), module_place(call)};
  if (call->kind() != c10::prim::CallMethod) return {};
  const auto path = attribute_path(call->input(0));
  if (!path) return {torch::jit::tryToGraphFunction(call), module_place(call)};
  // The type of the module that is really there: an interface has no code of its own.
  const auto object = attribute_at(root, *path);
  if (!object || !object->value.isObject()) return {};
  auto* method = object->value.toObject()->type()->findMethod(call->s(torch::jit::attr::name));
  return {method ? torch::jit::tryToGraphFunction(*method) : nullptr, joined(*path)};
}

void set_scope(Node* node, const torch::jit::ScopePtr& scope) {
  node->setScope(scope);
  for (Block* block : node->blocks())
    for (Node* inner : block->nodes()) set_scope(inner, scope);
}

// Returns the first of the nodes that took the call's place (or what followed it).
Node* inline_call(Node* call, const callee& target) {
  Node* const next = call->next();
  Node* const function = call->kind() == c10::prim::CallFunction ? call->input(0)->node() : nullptr;
  Node* before = call->prev();
  torch::jit::inlineCallTo(call, target.function, target.function->graph().get());
  if (!target.module.empty()) {
    const auto scope = c10::make_intrusive<torch::jit::Scope>()->push(c10::Symbol::scope(target.module));
    for (Node* node = next->prev(); node != before; node = node->prev()) set_scope(node, scope);
  }
  if (function && !function->hasUses()) {
    if (before == function) before = before->prev();
    function->destroy();
  }
  return before->next();
}

}  // namespace

void inline_calls(Block* block, const torch::jit::Module& root) {
  for (Node* node = block->param_node()->next(); node != block->return_node();) {
    const callee target = callee_of(node, root);
    if (target.function) {
      node = inline_call(node, target);  // and go on with the inlined code: it may hold calls of its own
      continue;
    }
    for (Block* inner : node->blocks()) inline_calls(inner, root);
    node = node->next();
  }
}

}  // namespace sirfp::adapter
