// Listens to one run and writes down the op list.
#pragma once

#include "sirfp/adapter/capture.hpp"
#include "size_origins.hpp"
#include "tensor_registry.hpp"

namespace sirfp::adapter {

class recorder final : public run_listener {
 public:
  recorder(const network& net, const at::Tensor& example);
  void before(const torch::jit::Node* node, torch::jit::Stack& inputs) override;
  void after(const torch::jit::Node* node, const std::vector<c10::IValue>& outputs) override;
  captured_network finish(const c10::IValue& output);

 private:
  using value_map = std::unordered_map<const torch::jit::Value*, std::int32_t>;

  std::int32_t new_value(op_value::role kind, std::string name, const at::Tensor& tensor, bool depends);
  std::int32_t new_constant(const torch::jit::Value* value, const at::Tensor& tensor);
  std::int32_t new_attribute(const std::string& path, bool is_parameter, const at::Tensor& tensor);
  // The id of a tensor that an operator reads; parameters and constants get theirs at their first use.
  std::int32_t value_of(const torch::jit::Node* reader, const torch::jit::Value* value, const at::Tensor& tensor);

  op_argument argument(const torch::jit::Node* node, const torch::jit::Value* value, const c10::IValue& content);
  op_argument tensor_argument(const torch::jit::Node* node, const torch::jit::Value* value, const at::Tensor& tensor);

  void add_origins(const torch::jit::Value* value, op_argument& made) const;

  bool depends(const op_argument& argument) const;
  bool made_of_numbers(const std::vector<at::Tensor>& outputs) const;
  bool pass_on(const torch::jit::Node* node, const std::vector<c10::IValue>& outputs);
  void refuse_numbers_from_features(const torch::jit::Node* node);
  void record(const torch::jit::Node* node, const std::vector<c10::IValue>& outputs);
  std::vector<std::int32_t> record_outputs(const torch::jit::Node* node, const std::vector<c10::IValue>& outputs, bool from_input);
  void record_writes(const torch::jit::Node* node, op& entry, bool from_input);
  std::string place_of(const torch::jit::Node* node);

  const network& net_;
  captured_network captured_;
  tensor_registry tensors_;
  size_origins origins_;
  std::vector<std::uint8_t> depends_;                         // per value id: 1 if it follows from the network's input
  std::unordered_map<std::string, std::int32_t> attributes_;  // by path
  std::unordered_map<const at::TensorImpl*, const torch::jit::Value*> constants_;
  std::unordered_map<const at::TensorImpl*, std::string> attribute_tensors_;
  std::unordered_map<std::string, int> unplaced_;  // operators outside any module, counted by name
  std::int32_t constant_count_ = 0;
  std::vector<c10::IValue> inputs_;  // of the node that is running
};

}  // namespace sirfp::adapter
