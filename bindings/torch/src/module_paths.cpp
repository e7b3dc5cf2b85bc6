#include "module_paths.hpp"

#include <algorithm>

#include "sirfp/expects.hpp"

namespace sirfp::adapter {

using torch::jit::Node;
using torch::jit::Value;

std::optional<std::vector<std::string>> attribute_path(const Value* value) {
  std::vector<std::string> path;
  while (value->node()->kind() == c10::prim::GetAttr) {
    path.push_back(value->node()->s(torch::jit::attr::name));
    value = value->node()->input(0);
  }
  const auto inputs = value->owningGraph()->inputs();
  if (inputs.empty() || value != inputs[0]) return std::nullopt;
  std::reverse(path.begin(), path.end());
  return path;
}

std::string joined(const std::vector<std::string>& path) {
  std::string all;
  for (const auto& name : path) {
    if (!all.empty()) all += '.';
    all += name;
  }
  return all;
}

std::optional<attribute> attribute_at(const torch::jit::Module& root, const std::vector<std::string>& path) {
  attribute found{torch::jit::IValue(root._ivalue()), false};
  for (const auto& name : path) {
    if (!found.value.isObject()) return std::nullopt;
    const auto object = found.value.toObject();
    const auto slot = object->type()->findAttributeSlot(name);
    if (!slot) return std::nullopt;
    found = {object->getSlot(*slot), object->type()->is_parameter(*slot)};
  }
  return found;
}

std::string operator_name(const Node* node) { return node->kind().toQualString(); }

std::string module_place(const Node* node) {
  for (const Value* input : node->inputs()) {
    if (input->node()->kind() != c10::prim::GetAttr || !input->type()->isSubtypeOf(*c10::TensorType::get())) continue;
    if (auto path = attribute_path(input); path && path->size() > 1) {
      path->pop_back();
      return joined(*path);
    }
  }
  // No const accessor for a node's scope.
  const auto scope = const_cast<Node*>(node)->scope();
  return !scope || scope->isRoot() || scope->isBlank() ? "" : scope->name().toUnqualString();
}

std::string described(const Node* node) {
  auto place = module_place(node);
  if (place.empty()) place = node->outputs().empty() ? "the top of forward" : text('%', node->output(0)->debugName());
  return text(operator_name(node), " at ", place);
}

std::string first_line(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string message = torch_error ? torch_error->what_without_backtrace() : error.what();
  return message.substr(0, message.find('\n'));
}

}  // namespace sirfp::adapter
