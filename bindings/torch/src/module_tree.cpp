#include "module_tree.hpp"

#include <algorithm>

namespace sirfp::adapter {

using torch::jit::Module;

namespace {

class tree_builder {
 public:
  tree_builder(const tensor_source& tensor_at, const std::vector<added_tensor>& added)
      : unit_(std::make_shared<torch::jit::CompilationUnit>()), tensor_at_(tensor_at), added_(added) {}

  Module build(const Module& original, const std::string& folder) const {
    Module fresh(original.type()->name().value(), unit_, /*shouldMangle=*/true);
    const auto type = original.type();
    for (std::size_t slot = 0; slot < type->numAttributes(); ++slot) copy_attribute(original, slot, folder, fresh);
    for (const added_tensor& tensor : added_) {
      const tensor_path path = split_path(tensor.name);
      if (path.folder == folder && !fresh.hasattr(path.name)) fresh.register_parameter(path.name, tensor.value, !tensor.trained);
    }
    return fresh;
  }

 private:
  void copy_attribute(const Module& original, std::size_t slot, const std::string& folder, Module& fresh) const {
    const auto type = original.type();
    const std::string& name = type->getAttributeName(slot);
    const std::string path = folder.empty() ? name : folder + "." + name;
    const c10::IValue value = original._ivalue()->getSlot(slot);
    const bool trained = type->is_parameter(slot);
    const bool buffer = type->is_buffer(slot);
    const auto in_place = std::find_if(added_.begin(), added_.end(), [&](const added_tensor& t) { return t.name == path; });
    if (in_place != added_.end()) {
      fresh.register_parameter(name, in_place->value, !in_place->trained);  // a bias that was None
    } else if (value.isModule()) {
      fresh.register_module(name, build(value.toModule(), path));
    } else if (value.isTensor() && value.toTensor().defined()) {
      fresh.register_attribute(name, c10::TensorType::get(), tensor_at_(path, value.toTensor()), trained, buffer);  // Optional[Tensor] too
    } else {
      fresh.register_attribute(name, type->getAttribute(slot), value.deepcopy(), trained, buffer);
    }
  }

  std::shared_ptr<torch::jit::CompilationUnit> unit_;
  const tensor_source& tensor_at_;
  const std::vector<added_tensor>& added_;
};

}  // namespace

Module rebuild_tree(const Module& original, const tensor_source& tensor_at, const std::vector<added_tensor>& added) {
  return tree_builder(tensor_at, added).build(original, "");
}

tensor_path split_path(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos ? tensor_path{"", path} : tensor_path{path.substr(0, dot), path.substr(dot + 1)};
}

std::vector<std::string> modules_of(const std::string& folder) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < folder.size();) {
    const std::size_t end = std::min(folder.find('.', begin), folder.size());
    names.push_back(folder.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

}  // namespace sirfp::adapter
