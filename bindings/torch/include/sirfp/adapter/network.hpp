// A TorchScript network as the engine sees it: one inlined graph over one tree of named parameters.
#pragma once

#include <torch/script.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sirfp/adapter/device.hpp"
#include "sirfp/op_list.hpp"

namespace sirfp::adapter {

// Loaded, in eval mode, on the host, floating parameters and constants widened to float32 (`stored` remembers what they were). Passes run
// where `place` says, on copies there; what is computed from the weights is computed here, but for compensations, and files are the host's.
// `graph` is the network's forward, inlined, constant loops unrolled, dead code removed; the module itself is never changed.
struct network {
  torch::jit::Module module;
  std::shared_ptr<torch::jit::Graph> graph;
  c10::ScalarType stored = c10::kFloat;
  std::filesystem::path path;  // where it came from, empty for one made here
  std::shared_ptr<placement> place = std::make_shared<placement>();
  std::int64_t output = -1;  // which tensor of a tuple, list or dict output is compared; -1: the only or first one
};

// Throws invalid_argument: no such file; a truncated file; an eager checkpoint (state dict or pickled module: says how to trace it); a
// forward that does not take one tensor.
network load_network(const std::filesystem::path& path, c10::Device device = c10::kCPU);  // where its passes run
// The module stays as it is: one that is training or holds 16-bit parameters is copied first. float64 networks stay float64.
network load_network(torch::jit::Module module);
// Whole or absent; parameters narrowed to net.stored again. Throws failure.
void save_network(const network& net, const std::filesystem::path& path);

// Runs the graph node by node, so that whoever listens sees each tensor as it is made and none outlives its last use.
struct run_listener {
  virtual ~run_listener() = default;
  // Before a node runs; may replace inputs on the stack (masking) and see consumer inputs.
  virtual void before(const torch::jit::Node*, torch::jit::Stack& /*inputs*/) {}
  // After a node ran: its outputs, as they leave it (in-place successors have not run yet).
  virtual void after(const torch::jit::Node*, const std::vector<c10::IValue>& /*outputs*/) {}
};
// The graph made ready to run: operators looked up, parameters resolved, last uses known. Costs milliseconds to make; const calls are
// independent of each other. It holds what it needs of the network, as it is now.
class runner {
 public:
  explicit runner(const network& net);
  runner(runner&&) noexcept;
  runner& operator=(runner&&) noexcept;
  ~runner();
  // One forward pass in inference mode, on the network's device, wherever the input comes from; does not wait for a GPU.
  // Returns the network's output value. Throws failure with operator and place when one fails, or when the graph holds what cannot be run
  // node by node (assignments to attributes, calls of code that is not TorchScript).
  c10::IValue operator()(const at::Tensor& input, run_listener* listener = nullptr) const;
  c10::Device device() const noexcept;  // where it runs

 private:
  std::unique_ptr<const struct program> program_;
};
// runner(net)(input, listener).
c10::IValue run(const network& net, const at::Tensor& input, run_listener* listener = nullptr);
// The tensors inside an output value (tuples, lists and dicts flattened in order).
std::vector<at::Tensor> output_tensors(const c10::IValue& output);
// The tensor of the output that is compared: net.output picks one of several; throws invalid_argument when there is none to pick.
at::Tensor output_tensor(const network& net, const c10::IValue& output);

}  // namespace sirfp::adapter
