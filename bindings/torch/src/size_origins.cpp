#include "size_origins.hpp"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "module_paths.hpp"

namespace sirfp::adapter {
namespace {

using torch::jit::IValue;
using torch::jit::Node;
using torch::jit::Value;
using origins = std::vector<size_origin>;

size_origin constant(std::int64_t value) {
  size_origin made;
  made.multiply = value;
  return made;
}

std::optional<std::int64_t> whole_number(const IValue& content) {
  if (content.isInt()) return content.toInt();
  if (content.isTensor() && content.toTensor().defined() && content.toTensor().dim() == 0 && !content.toTensor().is_floating_point())
    return content.toTensor().item<std::int64_t>();
  return std::nullopt;
}

std::optional<origins> constant_origins(const IValue& content) {
  if (const auto number = whole_number(content)) return origins{constant(*number)};
  if (!content.isIntList()) {
    size_origin other;  // a flag, a float, a name: no extent in it
    other.exact = false;
    return origins{other};
  }
  origins all;
  for (const auto element : content.toIntVector()) all.push_back(constant(element));
  return all;
}

size_origin product(const size_origin& a, const size_origin& b) {
  size_origin made = a;
  made.extents.insert(made.extents.end(), b.extents.begin(), b.extents.end());
  made.multiply *= b.multiply;
  made.divide *= b.divide;
  made.exact = a.exact && b.exact;
  return made;
}

// Some function of all of them.
size_origin mixture(const origins& parts) {
  size_origin made;
  made.exact = false;
  for (const auto& part : parts) made.extents.insert(made.extents.end(), part.extents.begin(), part.extents.end());
  if (made.extents.empty() && parts.size() == 1 && parts.front().exact) return parts.front();
  return made;
}

constexpr std::array<std::string_view, 11> copies = {"prim::NumToTensor",     "aten::Int",
                                                     "aten::IntImplicit",     "aten::ScalarImplicit",
                                                     "aten::Float",           "aten::FloatImplicit",
                                                     "prim::unchecked_cast",  "aten::item",
                                                     "aten::detach",          "aten::to",
                                                     "aten::_unwrap_optional"};
constexpr std::array<std::string_view, 4> divisions = {"aten::floor_divide", "aten::floordiv", "aten::__floordiv__", "aten::div"};

}  // namespace

std::optional<origins> size_origins::of(const Value* value) const {
  if (const auto found = known_.find(value); found != known_.end()) return found->second;
  const Node* node = value->node();
  if (node->kind() == c10::prim::Constant) {
    const auto content = torch::jit::toIValue(value);
    return content ? constant_origins(*content) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<size_origin> size_origins::single(const Value* value) const {
  const auto all = of(value);
  return all && all->size() == 1 ? std::optional(all->front()) : std::nullopt;
}

void size_origins::note(const Node* node, const std::vector<IValue>& inputs, const std::vector<IValue>& outputs, const id_of_input& id_of) {
  if (outputs.empty()) return;
  for (const Value* output : node->outputs()) known_.erase(output);
  const auto made = follow(node, inputs, id_of);
  if (!made) return;
  if (node->outputs().size() == 1) {
    known_[node->output(0)] = *made;
  } else if (node->outputs().size() == made->size()) {  // an unpacked list
    for (std::size_t i = 0; i < made->size(); ++i) known_[node->output(i)] = {(*made)[i]};
  }
}

std::optional<origins> size_origins::follow(const Node* node, const std::vector<IValue>& inputs, const id_of_input& id_of) const {
  const auto name = operator_name(node);
  const bool of_tensor = !inputs.empty() && inputs[0].isTensor() && inputs[0].toTensor().defined() && !of(node->input(0));
  if ((name == "aten::size" || name == "aten::numel") && of_tensor) {
    const auto rank = static_cast<std::int32_t>(inputs[0].toTensor().dim());
    const std::int32_t id = id_of(0);
    if (name == "aten::size" && inputs.size() > 1) {
      const auto axis = static_cast<std::int32_t>(inputs[1].toInt());
      size_origin one;
      one.extents = {{id, axis < 0 ? axis + rank : axis}};
      return origins{one};
    }
    origins all(static_cast<std::size_t>(rank));
    for (std::int32_t axis = 0; axis < rank; ++axis) all[static_cast<std::size_t>(axis)].extents = {{id, axis}};
    if (name == "aten::size") return all;
    size_origin everything;
    for (const auto& extent : all) everything = product(everything, extent);
    return origins{everything};
  }
  if (of_tensor) return std::nullopt;  // rank, type: no extent, but nothing that we could say either
  if (std::find(copies.begin(), copies.end(), name) != copies.end() || node->kind() == c10::prim::ListUnpack) return of(node->input(0));
  if (name == "aten::__getitem__" && inputs.size() == 2 && inputs[1].isInt()) {
    const auto list = of(node->input(0));
    if (!list) return std::nullopt;
    const auto count = static_cast<std::int64_t>(list->size());
    const auto index = inputs[1].toInt() < 0 ? inputs[1].toInt() + count : inputs[1].toInt();
    return index < count ? std::optional(origins{(*list)[static_cast<std::size_t>(index)]}) : std::nullopt;
  }
  origins parts;
  for (const Value* input : node->inputs()) {
    const auto part = single(input);
    if (!part) return std::nullopt;
    parts.push_back(*part);
  }
  if (node->kind() == c10::prim::ListConstruct) return parts;
  if (name == "aten::mul" && parts.size() == 2) return origins{product(parts[0], parts[1])};
  const bool by_constant = parts.size() >= 2 && parts[1].exact && parts[1].extents.empty() && parts[1].divide == 1;
  if (by_constant && std::find(divisions.begin(), divisions.end(), name) != divisions.end()) {
    const auto dividend = whole_number(inputs[0]);
    if (dividend && parts[1].multiply != 0 && *dividend % parts[1].multiply == 0) {
      parts[0].divide *= parts[1].multiply;
      return origins{parts[0]};
    }
  }
  return origins{mixture(parts)};
}

}  // namespace sirfp::adapter
