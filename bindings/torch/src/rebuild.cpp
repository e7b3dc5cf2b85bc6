#include "rebuild.hpp"

#include <torch/csrc/jit/passes/shape_analysis.h>

#include <unordered_set>

#include "module_tree.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {

using torch::jit::Block;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

namespace {

// Which elements a tensor shows: equal for two names of one parameter, also after loading, which makes a tensor of each.
struct tensor_identity {
  const void* data = nullptr;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
  auto operator<=>(const tensor_identity&) const = default;
};

tensor_identity identity_of(const at::Tensor& tensor) {
  return {tensor.is_sparse() || tensor.numel() == 0 ? nullptr : tensor.const_data_ptr(), tensor.sizes().vec(), tensor.strides().vec()};
}

at::Tensor attribute_at(const Module& top, const std::string& path) {
  const tensor_path split = split_path(path);
  Module folder = top;
  for (const std::string& name : modules_of(split.folder)) folder = folder.attr(name).toModule();
  return folder.attr(split.name).toTensor();
}

class tensor_sharing {
 public:
  tensor_sharing(const network& net, const captured_network& captured, const std::map<std::string, at::Tensor>& replaced)
      : replaced_(replaced) {
    for (const op_value& value : captured.ops.values)
      if (value.kind == op_value::role::parameter || value.kind == op_value::role::buffer) known_.insert(value.name);
    for (const auto& [path, tensor] : replaced) {
      if (path.front() != '$') by_identity_.emplace(identity_of(attribute_at(net.module, path)), tensor);
    }
  }

  at::Tensor at(const std::string& path, const at::Tensor& original) {
    const tensor_identity identity = identity_of(original);
    const at::Tensor wanted = wanted_at(path, identity, original);
    std::vector<at::Tensor>& made = made_[identity];
    if (identity.data != nullptr) {
      for (const at::Tensor& earlier : made)
        if (earlier.sizes() == wanted.sizes() && at::equal(earlier, wanted)) return earlier;
    }
    made.push_back(wanted.detach().clone().set_requires_grad(original.requires_grad()));
    return made.back();
  }

 private:
  at::Tensor wanted_at(const std::string& path, const tensor_identity& identity, const at::Tensor& original) const {
    if (const auto named = replaced_.find(path); named != replaced_.end()) return named->second;
    if (identity.data == nullptr || known_.contains(path)) return original;
    const auto alias = by_identity_.find(identity);
    return alias == by_identity_.end() ? original : alias->second;
  }

  const std::map<std::string, at::Tensor>& replaced_;
  std::unordered_set<std::string> known_;
  std::map<tensor_identity, at::Tensor> by_identity_;
  std::map<tensor_identity, std::vector<at::Tensor>> made_;
};

void pair_nodes(const Block& original, Block& copy, std::unordered_map<const Node*, Node*>& copies) {
  auto twin = copy.nodes().begin();
  for (const Node* node : original.nodes()) {
    copies.emplace(node, *twin);
    for (std::size_t b = 0; b < node->blocks().size(); ++b) pair_nodes(*node->blocks()[b], *twin->blocks()[b], copies);
    ++twin;
  }
}

// Attribute reads take their types from the module types, top down.
void retype_attributes(Block& block) {
  for (Node* node : block.nodes()) {
    if (node->kind() == c10::prim::GetAttr) {
      if (const auto type = node->input()->type()->cast<c10::ClassType>(); type && type->is_module())
        node->output()->setType(type->getAttribute(node->s(c10::attr::name)));
    }
    for (Block* inner : node->blocks()) retype_attributes(*inner);
  }
}

// The original's, with its argument names and defaults; arguments that the prepared graph no longer takes are gone.
c10::FunctionSchema forward_schema(const Module& original, const c10::ClassTypePtr& top, std::size_t inputs) {
  const c10::FunctionSchema& schema = original.get_method("forward").function().getSchema();
  std::vector<c10::Argument> arguments = schema.arguments();
  if (arguments.size() > inputs) arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(inputs), arguments.end());
  arguments.front() = arguments.front().cloneWithType(top);
  return schema.cloneWithArguments(std::move(arguments));
}

}  // namespace

rebuilt_network rebuild(const network& net, const captured_network& captured, const std::map<std::string, at::Tensor>& replaced,
                        const std::vector<added_tensor>& added) {
  tensor_sharing sharing(net, captured, replaced);
  rebuilt_network built;
  built.module = rebuild_tree(
      net.module, [&](const std::string& path, const at::Tensor& original) { return sharing.at(path, original); }, added);
  built.graph = net.graph->copy();
  pair_nodes(*net.graph->block(), *built.graph->block(), built.copies);
  torch::jit::EraseShapeInformation(built.graph);  // a traced graph carries the shapes of the wide network
  built.graph->inputs().at(0)->setType(built.module.type());
  retype_attributes(*built.graph->block());
  return built;
}

Value* read_tensor(rebuilt_network& built, const std::string& path) {
  const tensor_path split = split_path(path);
  Value* folder = built.graph->inputs().at(0);
  for (const std::string& name : modules_of(split.folder)) folder = built.graph->insertGetAttr(folder, name);
  return built.graph->insertGetAttr(folder, split.name);
}

network finish(rebuilt_network built, const network& like) {
  built.graph->lint();
  auto* function =
      built.module._ivalue()->compilation_unit()->create_function(c10::QualifiedName(*built.module.type()->name(), "forward"), built.graph);
  function->setSchema(forward_schema(like.module, built.module.type(), built.graph->inputs().size()));
  built.module.type()->addMethod(function);
  network result;
  result.module = built.module;
  result.module.eval();
  result.graph = built.graph->copy();
  result.stored = like.stored;
  result.place = std::make_shared<placement>(like.place->device());
  result.output = like.output;
  return result;
}

}  // namespace sirfp::adapter
