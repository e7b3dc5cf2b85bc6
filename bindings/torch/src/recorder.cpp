#include "recorder.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "module_paths.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

using torch::jit::Block;
using torch::jit::IValue;
using torch::jit::Node;
using torch::jit::Value;

// Operators that answer from a tensor's description, not from its elements.
constexpr std::array<std::string_view, 16> metadata_operators = {
    "aten::size",       "aten::dim",        "aten::len",          "aten::numel",          "aten::stride",        "aten::is_floating_point",
    "aten::is_complex", "aten::__is__",     "aten::__isnot__",    "aten::storage_offset", "aten::is_contiguous", "aten::element_size",
    "aten::warn",       "aten::get_device", "aten::__contains__", "aten::sym_size"};

bool contains_variable(const c10::TypePtr& type) {
  if (type->kind() == c10::TypeKind::VarType) return true;
  const auto inner = type->containedTypes();
  return std::any_of(inner.begin(), inner.end(), contains_variable);
}

// Operators that move things about without looking into them: list, tuple and dict operators (generic in their element type), casts.
bool is_structural(const Node* node) {
  if (node->kind() == c10::prim::NumToTensor) return false;
  if (node->kind().is_prim()) return true;
  const auto* schema = node->maybeSchema();
  if (!schema) return false;
  return std::any_of(schema->arguments().begin(), schema->arguments().end(),
                     [](const auto& argument) { return contains_variable(argument.type()); });
}

std::vector<at::Tensor> tensors_in(const std::vector<IValue>& values) {
  std::vector<at::Tensor> all;
  for (const auto& value : values)
    for (auto& tensor : output_tensors(value))
      if (tensor.defined()) all.push_back(std::move(tensor));
  return all;
}

void find_constants(const Block* block, placement& place, std::unordered_map<const at::TensorImpl*, const Value*>& found) {
  for (const Node* node : block->nodes()) {
    for (const Block* inner : node->blocks()) find_constants(inner, place, found);
    if (node->kind() != c10::prim::Constant || !node->hasAttribute(torch::jit::attr::value)) continue;
    if (node->kindOf(torch::jit::attr::value) == torch::jit::AttributeKind::t)
      found.try_emplace(place.of(node->t(torch::jit::attr::value)).unsafeGetTensorImpl(), node->output());
  }
}

}  // namespace

recorder::recorder(const network& net, const at::Tensor& example) : net_(net) {
  find_constants(net.graph->block(), *net.place, constants_);
  for (const auto& named : net.module.named_attributes())
    if (named.value.isTensor() && named.value.toTensor().defined())
      attribute_tensors_.try_emplace(net.place->of(named.value.toTensor()).unsafeGetTensorImpl(), named.name);
  const Value* input = net.graph->inputs()[1];
  const auto id = new_value(op_value::role::activation, input->debugName(), example, true);
  captured_.values[input] = id;
  captured_.ops.inputs.push_back(id);
}

std::int32_t recorder::new_value(op_value::role kind, std::string name, const at::Tensor& tensor, bool depends) {
  const auto id = static_cast<std::int32_t>(captured_.ops.values.size());
  captured_.ops.values.push_back({kind, std::move(name), tensor.defined() ? tensor.sizes().vec() : std::vector<std::int64_t>{}});
  depends_.push_back(depends ? 1 : 0);
  if (tensor.defined()) tensors_.add(tensor, id);
  return id;
}

std::int32_t recorder::new_constant(const Value* value, const at::Tensor& tensor) {
  const auto id = new_value(op_value::role::constant, text("$constant.", constant_count_++), tensor, false);
  captured_.values[value] = id;
  return id;
}

std::int32_t recorder::new_attribute(const std::string& path, bool is_parameter, const at::Tensor& tensor) {
  const auto [place, added] = attributes_.try_emplace(path, -1);
  if (added) place->second = new_value(is_parameter ? op_value::role::parameter : op_value::role::buffer, path, tensor, false);
  return place->second;
}

std::int32_t recorder::value_of(const Node* reader, const Value* value, const at::Tensor& tensor) {
  const auto named = captured_.values.find(value);
  if (const auto id = tensors_.find(tensor, named == captured_.values.end() ? std::nullopt : std::optional(named->second))) {
    // Two attributes may be one tensor; each path is a value of its own, named where the graph reads it.
    const bool other_path = named == captured_.values.end() && value->node()->kind() == c10::prim::GetAttr;
    if (!other_path) {
      captured_.values.try_emplace(value, *id);
      return *id;
    }
  }
  const auto path = attribute_path(value);
  if (path) {
    const auto found = attribute_at(net_.module, *path);
    return captured_.values[value] = new_attribute(joined(*path), found && found->is_parameter, tensor);
  }
  if (const auto constant = constants_.find(tensor.unsafeGetTensorImpl()); constant != constants_.end())
    return new_constant(constant->second, tensor);
  if (const auto attribute = attribute_tensors_.find(tensor.unsafeGetTensorImpl()); attribute != attribute_tensors_.end())
    return new_attribute(attribute->second, true, tensor);
  throw failure(text("network: ", described(reader), " reads a tensor of unknown origin (%", value->debugName(), ")"));
}

void recorder::before(const Node*, torch::jit::Stack& inputs) { inputs_ = inputs; }

void recorder::after(const Node* node, const std::vector<IValue>& outputs) {
  const auto made = tensors_in(outputs);
  if (made.empty() || made_of_numbers(made))
    origins_.note(node, inputs_, outputs, [&](std::size_t i) { return value_of(node, node->input(i), inputs_[i].toTensor()); });
  if (is_structural(node)) {
    if (!pass_on(node, outputs)) record(node, outputs);
  } else if (made.empty() && !outputs.empty()) {
    refuse_numbers_from_features(node);
  } else if (made_of_numbers(made)) {
    for (const auto& tensor : made) tensors_.add_number(tensor);
  } else {
    record(node, outputs);
  }
  inputs_.clear();
}

// True if every tensor that leaves the node is one that is known.
bool recorder::pass_on(const Node* node, const std::vector<IValue>& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    for (const auto& tensor : tensors_in({outputs[i]}))
      if (!tensors_.find(tensor) && !tensors_.is_number(tensor) && !constants_.contains(tensor.unsafeGetTensorImpl()) &&
          !attribute_tensors_.contains(tensor.unsafeGetTensorImpl()))
        return false;
    if (!outputs[i].isTensor() || !outputs[i].toTensor().defined()) continue;
    if (const auto id = tensors_.find(outputs[i].toTensor())) captured_.values.try_emplace(node->output(i), *id);
  }
  return true;
}

bool recorder::made_of_numbers(const std::vector<at::Tensor>& outputs) const {
  if (outputs.empty() || std::any_of(outputs.begin(), outputs.end(), [](const auto& tensor) { return tensor.dim() != 0; })) return false;
  const auto read = tensors_in(inputs_);
  return std::all_of(read.begin(), read.end(), [&](const auto& tensor) {
    return tensors_.is_number(tensor) || (tensor.dim() == 0 && constants_.contains(tensor.unsafeGetTensorImpl()));
  });
}

void recorder::refuse_numbers_from_features(const Node* node) {
  const auto name = operator_name(node);
  if (std::find(metadata_operators.begin(), metadata_operators.end(), name) != metadata_operators.end()) return;
  for (const auto& tensor : tensors_in(inputs_)) {
    const auto id = tensors_.find(tensor);
    if (id && depends_[static_cast<std::size_t>(*id)])
      throw failure(text("network: ", described(node), " makes a number out of a feature map; what follows from it cannot be recorded"));
  }
}

bool recorder::depends(const op_argument& argument) const {
  return std::any_of(argument.values.begin(), argument.values.end(),
                     [&](auto id) { return id >= 0 && depends_[static_cast<std::size_t>(id)]; });
}

void recorder::record(const Node* node, const std::vector<IValue>& outputs) {
  if (captured_.index.contains(node))
    throw failure(text("network: ", described(node), " runs more than once (a loop whose length is not constant)"));
  op entry;
  entry.name = operator_name(node);
  entry.place = place_of(node);
  for (std::size_t i = 0; i < inputs_.size(); ++i) entry.arguments.push_back(argument(node, node->input(i), inputs_[i]));
  const bool from_input = std::any_of(entry.arguments.begin(), entry.arguments.end(), [&](const auto& one) { return depends(one); });
  entry.outputs = record_outputs(node, outputs, from_input);
  record_writes(node, entry, from_input);
  captured_.index[node] = static_cast<std::int32_t>(captured_.ops.ops.size());
  captured_.nodes.push_back(node);
  captured_.ops.ops.push_back(std::move(entry));
}

std::vector<std::int32_t> recorder::record_outputs(const Node* node, const std::vector<IValue>& outputs, bool from_input) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto tensors = output_tensors(outputs[i]);
    for (std::size_t k = 0; k < tensors.size(); ++k) {
      const auto name = tensors.size() == 1 ? node->output(i)->debugName() : text(node->output(i)->debugName(), "#", k);
      ids.push_back(new_value(op_value::role::activation, name, tensors[k], from_input));
      if (outputs[i].isTensor()) captured_.values[node->output(i)] = ids.back();
    }
  }
  return ids;
}

// In-place operators: every name of the written tensor holds the new value now. A write that other living tensors see through shared memory
// is recorded as an operator that no rule knows, reading and making them all.
void recorder::record_writes(const Node* node, op& entry, bool from_input) {
  const auto* schema = node->maybeSchema();
  if (!schema) return;
  bool seen_elsewhere = false;
  for (std::size_t i = 0; i < std::min(inputs_.size(), schema->arguments().size()); ++i) {
    const auto* alias = schema->arguments()[i].alias_info();
    if (!alias || !alias->isWrite() || !inputs_[i].isTensor() || !inputs_[i].toTensor().defined()) continue;
    const at::Tensor written = inputs_[i].toTensor();
    const auto id = tensors_.find(written);
    const bool returned = id && std::find(entry.outputs.begin(), entry.outputs.end(), *id) != entry.outputs.end();
    const auto now = returned ? *id : new_value(op_value::role::activation, node->input(i)->debugName(), written, from_input);
    if (!returned) entry.outputs.push_back(now);
    tensors_.overwrite(written, now);
    inputs_.clear();  // what the operator consumed is dead
    for (const auto& [tensor, held] : tensors_.overlapping(written)) {
      if (!from_input && !depends_[static_cast<std::size_t>(held)]) continue;
      if (std::find(entry.outputs.begin(), entry.outputs.end(), held) != entry.outputs.end()) continue;
      seen_elsewhere = true;
      entry.arguments.emplace_back().type = op_argument::kind::tensors;
      entry.arguments.back().values = {held};
      const auto after = new_value(op_value::role::activation, captured_.ops.values[static_cast<std::size_t>(held)].name, tensor, true);
      entry.outputs.push_back(after);
      tensors_.overwrite(tensor, after);
    }
    break;  // one written tensor an operator; the list above is gone
  }
  if (seen_elsewhere) entry.name += " through a view";
}

std::string recorder::place_of(const Node* node) {
  if (auto place = module_place(node); !place.empty()) return place;
  const std::string name = node->kind().toUnqualString();
  return text(name, ".", unplaced_[name]++);
}

captured_network recorder::finish(const IValue& output) {
  for (const auto& tensor : output_tensors(output)) {
    const auto id = tensors_.find(tensor);
    if (!id) throw failure("network: its output holds a tensor that no recorded operator made");
    captured_.ops.outputs.push_back(*id);
  }
  return std::move(captured_);
}

}  // namespace sirfp::adapter
