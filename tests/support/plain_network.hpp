// A float32 TorchScript module given by its attributes and the source of its forward, for tests of the reading side.
#pragma once

#include <torch/script.h>

#include <memory>
#include <string>

namespace sirfp::test {

class plain_network {
 public:
  plain_network() : unit_(std::make_shared<torch::jit::CompilationUnit>()), module_(c10::QualifiedName("__torch__.plain"), unit_, true) {
    module_.register_attribute("training", c10::BoolType::get(), false);
  }
  plain_network& tensor(const std::string& name, const at::Tensor& value, bool buffer = false) {
    module_.register_parameter(name, value, buffer);
    return *this;
  }
  plain_network& attribute(const std::string& name, const c10::TypePtr& type, const c10::IValue& value) {
    module_.register_attribute(name, type, value);
    return *this;
  }
  // A submodule `name` with one tensor `weight` and forward(self, x): return `expression`.
  plain_network& child(const std::string& name, const at::Tensor& weight, const std::string& expression) {
    torch::jit::Module part(c10::QualifiedName("__torch__.part"), unit_, true);
    part.register_attribute("training", c10::BoolType::get(), false);
    part.register_parameter("weight", weight, false);
    part.define("def forward(self, x):\n  return " + expression + "\n");
    module_.register_module(name, part);
    return *this;
  }
  // Whole definitions; the last step.
  torch::jit::Module define(const std::string& source) {
    module_.define(source);
    return module_;
  }

 private:
  std::shared_ptr<torch::jit::CompilationUnit> unit_;
  torch::jit::Module module_;
};

}  // namespace sirfp::test
