#include "program.hpp"

#include <torch/csrc/jit/ir/constants.h>

#include <unordered_map>
#include <unordered_set>

#include "module_paths.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;

instruction::kind kind_of(const Node* node) {
  using kind = instruction::kind;
  switch (node->kind()) {
    case c10::prim::ListConstruct:
      return kind::list;
    case c10::prim::TupleConstruct:
      return kind::tuple;
    case c10::prim::DictConstruct:
      return kind::dict;
    case c10::prim::ListUnpack:
      return kind::unpack_list;
    case c10::prim::TupleUnpack:
      return kind::unpack_tuple;
    case c10::prim::TupleSlice:
      return kind::slice_tuple;
    case c10::prim::isinstance:
      return kind::instance_of;
    case c10::prim::Uninitialized:
      return kind::uninitialized;
    case c10::prim::If:
      return kind::branch;
    case c10::prim::RaiseException:
      return kind::raise;
    case c10::prim::Loop:
      return kind::loop;
    default:
      return node->maybeOperator() ? kind::call : kind::refuse;
  }
}

class compiler {
 public:
  compiler(program& out, const network& net) : out_(out), net_(net) {}

  void block(const Block* source, block_code& code, bool top) {
    // Last reader of each value that this block makes: a node of this block (itself or through its inner blocks) or the return node.
    std::unordered_map<const Value*, const Node*> last;
    for (const Node* node : source->nodes()) note_uses(node, node, last);
    for (const Value* value : source->return_node()->inputs()) last[value] = source->return_node();
    std::unordered_set<const Value*> own;
    if (!top)
      for (const Value* value : source->inputs()) code.parameters.push_back(define(value, own));
    for (const Node* node : source->nodes()) {
      if (fixed(node)) continue;
      code.code.push_back(translate(node, last, own));
    }
    code.results = operands(source->return_node(), last, own);
  }

  std::int32_t define(const Value* value, std::unordered_set<const Value*>& own) {
    if (!value->hasUses()) return -1;
    own.insert(value);
    return slot(value);
  }

 private:
  static void note_uses(const Node* node, const Node* at, std::unordered_map<const Value*, const Node*>& last) {
    for (const Value* value : node->inputs()) last[value] = at;
    for (const Block* inner : node->blocks()) {
      for (const Node* inner_node : inner->nodes()) note_uses(inner_node, at, last);
      for (const Value* value : inner->outputs()) last[value] = at;
    }
  }

  std::int32_t slot(const Value* value) {
    const auto [place, added] = slots_.try_emplace(value, static_cast<std::int32_t>(out_.slots.size()));
    if (added) out_.slots.emplace_back();
    return place->second;
  }

  // Constants and attributes have their value before the first node runs.
  bool fixed(const Node* node) {
    if (node->kind() == c10::prim::Constant) {
      out_.slots[static_cast<std::size_t>(slot(node->output()))] = net_.place->of(torch::jit::toIValue(node->output()).value());
      return true;
    }
    if (node->kind() != c10::prim::GetAttr) return false;
    const auto path = attribute_path(node->output());
    const auto found = path ? attribute_at(net_.module, *path) : std::nullopt;
    if (!found) throw failure(text("network: ", described(node), " reads an attribute of something that is not a module"));
    out_.slots[static_cast<std::size_t>(slot(node->output()))] = net_.place->of(found->value);
    return true;
  }

  std::vector<instruction::operand> operands(const Node* node, const std::unordered_map<const Value*, const Node*>& last,
                                             const std::unordered_set<const Value*>& own) {
    std::vector<instruction::operand> all;
    const auto inputs = node->inputs();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      bool final = own.contains(inputs[i]) && last.at(inputs[i]) == node;
      for (std::size_t j = i + 1; j < inputs.size(); ++j) final = final && inputs[j] != inputs[i];
      for (const Block* inner : node->blocks()) final = final && !reads(inner, inputs[i]);
      all.push_back({slot(inputs[i]), final});
    }
    return all;
  }

  static bool reads(const Block* block, const Value* value) {
    for (const Value* result : block->outputs())
      if (result == value) return true;
    for (const Node* node : block->nodes()) {
      for (const Value* input : node->inputs())
        if (input == value) return true;
      for (const Block* inner : node->blocks())
        if (reads(inner, value)) return true;
    }
    return false;
  }

  instruction translate(const Node* node, const std::unordered_map<const Value*, const Node*>& last,
                        std::unordered_set<const Value*>& own) {
    instruction step;
    step.node = node;
    step.what = kind_of(node);
    node->maybeSchema();  // looked up now: passes on several threads would do it at once
    if (step.what == instruction::kind::call) step.operation = std::make_unique<torch::jit::Operation>(node->getOperation());
    step.inputs = operands(node, last, own);
    for (const Block* inner : node->blocks()) {
      step.blocks.push_back(std::make_unique<block_code>());
      block(inner, *step.blocks.back(), false);
      for (const Value* value : own)
        if (last.at(value) == node && reads(inner, value)) step.done.push_back(slot(value));
    }
    for (const Value* value : node->outputs()) step.outputs.push_back(define(value, own));
    return step;
  }

  program& out_;
  const network& net_;
  std::unordered_map<const Value*, std::int32_t> slots_;
};

}  // namespace

program compile(const network& net) {
  program compiled;
  compiled.graph = net.graph;
  compiled.device = net.place->device();
  compiler work(compiled, net);
  std::unordered_set<const Value*> own;
  work.define(net.graph->inputs()[0], own);
  compiled.input = work.define(net.graph->inputs()[1], own);
  work.block(net.graph->block(), compiled.body, true);
  return compiled;
}

}  // namespace sirfp::adapter
