#include "prepare_graph.hpp"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inline_fork_wait.h>
#include <torch/csrc/jit/passes/loop_unrolling.h>
#include <torch/csrc/jit/passes/lower_tuples.h>
#include <torch/csrc/jit/passes/peephole.h>
#include <torch/csrc/jit/passes/shape_analysis.h>

#include <set>

#include "inline_calls.hpp"
#include "module_paths.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;

// forward(self, x, y=1): everything after x gets its default.
void bind_defaults(Graph& graph, const c10::FunctionSchema& schema) {
  SIRFP_EXPECTS(graph.inputs().size() >= 2, "network: its forward takes no input, expected an image batch [N, C, H, W]");
  for (std::size_t i = graph.inputs().size(); i-- > 2;) {
    const auto& argument = schema.arguments()[i];
    SIRFP_EXPECTS(argument.default_value().has_value(), "network: its forward takes ", graph.inputs().size() - 1, " inputs (",
                  argument.name(), " has no default), expected one image batch [N, C, H, W]");
    const torch::jit::WithInsertPoint point(*graph.nodes().begin());
    graph.inputs()[i]->replaceAllUsesWith(graph.insertConstant(*argument.default_value()));
    graph.eraseInput(i);
  }
  SIRFP_EXPECTS(graph.inputs()[1]->type()->isSubtypeOf(*c10::TensorType::get()), "network: its forward takes a ",
                graph.inputs()[1]->type()->str(), ", expected one image batch [N, C, H, W]");
}

// Paths of the attributes that forward assigns.
void written_attributes(Block* block, std::set<std::string>& found) {
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) written_attributes(inner, found);
    if (node->kind() != c10::prim::SetAttr) continue;
    auto path = attribute_path(node->input(0)).value_or(std::vector<std::string>{});
    path.push_back(node->s(torch::jit::attr::name));
    found.insert(joined(path));
  }
}

// Lists, numbers, flags and None that hang on modules: `training`, strides, an absent bias.
void fold_attributes(Block* block, const torch::jit::Module& root, const std::set<std::string>& written) {
  const std::vector<Node*> nodes(block->nodes().begin(), block->nodes().end());
  for (Node* node : nodes) {
    for (Block* inner : node->blocks()) fold_attributes(inner, root, written);
    if (node->kind() != c10::prim::GetAttr) continue;
    const auto path = attribute_path(node->output());
    if (!path || written.contains(joined(*path))) continue;
    const auto found = attribute_at(root, *path);
    if (!found || found->value.isObject()) continue;
    if (found->value.isTensor()) {
      node->output()->setType(c10::TensorType::get());  // an Optional[Tensor] that holds one: lets `is None` fold
      continue;
    }
    const torch::jit::WithInsertPoint point(node);
    const auto constant = torch::jit::tryInsertConstant(*node->owningGraph(), found->value);
    if (!constant) continue;
    (*constant)->node()->setScope(node->scope());
    node->output()->replaceAllUsesWith(*constant);
  }
}

void simplify(std::shared_ptr<Graph>& graph) {
  constexpr int rounds = 8;  // one may open the way for the next (a loop's bound, then its body's conditions); two or three are usual
  for (int round = 0; round < rounds; ++round) {
    bool changed = torch::jit::PeepholeOptimize(graph, /*disable_shape_peepholes=*/true);
    changed |= torch::jit::ConstantPropagation(graph);
    changed |= torch::jit::UnrollConstantLoops(graph);
    torch::jit::LowerSimpleTuples(graph);
    torch::jit::EliminateDeadCode(graph);
    if (!changed) return;
  }
}

}  // namespace

std::shared_ptr<Graph> prepare_graph(const torch::jit::Module& module) {
  const auto method = module.find_method("forward");
  SIRFP_EXPECTS(method.has_value(), "network: the TorchScript module has no forward");
  auto graph = method->graph()->copy();
  bind_defaults(*graph, method->function().getSchema());
  inline_calls(graph->block(), module);
  torch::jit::InlineForkWait(graph);
  torch::jit::EraseShapeInformation(graph);  // a module traced in memory holds its example's sizes, a loaded one does not
  std::set<std::string> written;
  written_attributes(graph->block(), written);
  fold_attributes(graph->block(), module, written);
  simplify(graph);
  return graph;
}

}  // namespace sirfp::adapter
