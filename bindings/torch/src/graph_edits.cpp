#include "graph_edits.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "sirfp/expects.hpp"

namespace sirfp::adapter {

using torch::jit::Node;
using torch::jit::Value;
using torch::jit::WithInsertPoint;

namespace {

Node* copy_of(const rebuilt_network& built, const captured_network& captured, std::int32_t op) {
  return built.copies.at(captured.nodes.at(static_cast<std::size_t>(op)));
}

[[noreturn]] void refuse(const literal_edit& edit, const std::string& found) {
  throw failure(
      text(edit.place, ": argument ", edit.argument, " element ", edit.element, " should be the literal ", edit.from, ", it is ", found));
}

// A literal may be a constant or an attribute of a module, which has no constant value here; capture vouches for the latter.
void expect_literal(const Value* value, const literal_edit& edit) {
  const auto known = torch::jit::toIValue(value);
  if (!known) return;
  if (!known->isInt() || known->toInt() != edit.from) refuse(edit, text(*known));
}

Value* edited_list(torch::jit::Graph& graph, Value* list, const literal_edit& edit) {
  const auto element = static_cast<std::size_t>(edit.element);
  Node* maker = list->node();
  if (maker->kind() == c10::prim::ListConstruct) {
    if (element >= maker->inputs().size()) refuse(edit, text("a list of ", maker->inputs().size()));
    expect_literal(maker->input(element), edit);
    std::vector<Value*> inputs = maker->inputs().vec();
    inputs[element] = graph.insertConstant(edit.to);
    return graph.insertNode(graph.createList(c10::IntType::get(), inputs))->output();
  }
  const auto known = torch::jit::toIValue(list);
  if (!known || !known->isIntList()) refuse(edit, "made at run time");
  std::vector<std::int64_t> values = known->toIntVector();
  if (element >= values.size() || values[element] != edit.from) refuse(edit, text(*known));
  values[element] = edit.to;
  return graph.insertConstant(values);
}

bool is_list(const Value* value) {
  const auto type = value->type();
  if (type->kind() == c10::TypeKind::ListType) return true;
  const auto optional = type->cast<c10::OptionalType>();
  return optional && optional->getElementType()->kind() == c10::TypeKind::ListType;
}

}  // namespace

void edit_literal(rebuilt_network& built, const captured_network& captured, const literal_edit& edit) {
  Node* node = copy_of(built, captured, edit.op);
  const auto argument = static_cast<std::size_t>(edit.argument);
  if (argument >= node->inputs().size()) refuse(edit, "absent");
  Value* old = node->input(argument);
  const WithInsertPoint here(node);
  if (is_list(old)) {
    node->replaceInput(argument, edited_list(*built.graph, old, edit));
  } else {
    expect_literal(old, edit);
    node->replaceInput(argument, built.graph->insertConstant(edit.to));
  }
}

void replace_constant(rebuilt_network& built, const captured_network& captured, std::int32_t value, const at::Tensor& tensor) {
  bool found = false;
  for (const auto& [graph_value, id] : captured.values) {
    if (id != value || graph_value->node()->kind() != c10::prim::Constant) continue;
    Node* node = built.copies.at(graph_value->node());
    node->t_(c10::attr::value, tensor);
    node->output()->inferTypeFrom(tensor);
    found = true;
  }
  if (!found) throw failure(text("the graph has no tensor constant ", captured.ops.values.at(static_cast<std::size_t>(value)).name));
}

void multiply_argument(rebuilt_network& built, const captured_network& captured, std::int32_t op, std::size_t argument,
                       const std::string& path) {
  Node* node = copy_of(built, captured, op);
  const WithInsertPoint here(node);
  Value* factor = read_tensor(built, path);
  node->replaceInput(argument, built.graph->insert(c10::aten::mul, {node->input(argument), factor}));
}

void connect_bias(rebuilt_network& built, const captured_network& captured, std::int32_t op, const std::string& path) {
  Node* node = copy_of(built, captured, op);
  const int argument = bias_argument(captured.ops.ops.at(static_cast<std::size_t>(op)).name);
  const WithInsertPoint here(node);
  node->replaceInput(static_cast<std::size_t>(argument), read_tensor(built, path));
}

int bias_argument(const std::string& operator_name) {
  constexpr std::array<std::string_view, 9> third{"aten::conv1d",           "aten::conv2d",           "aten::conv3d",
                                                  "aten::conv_transpose1d", "aten::conv_transpose2d", "aten::conv_transpose3d",
                                                  "aten::_convolution",     "aten::convolution",      "aten::linear"};
  return std::find(third.begin(), third.end(), operator_name) == third.end() ? -1 : 2;
}

}  // namespace sirfp::adapter
