// Capture: a network and an example input in, the framework-neutral op list out.
#pragma once

#include <unordered_map>
#include <vector>

#include "sirfp/adapter/network.hpp"
#include "sirfp/fingerprint.hpp"
#include "sirfp/op_list.hpp"

namespace sirfp::adapter {

struct captured_network {
  op_list ops;
  network_fingerprint fingerprint;                                    // with the parameters' hashes
  std::vector<const torch::jit::Node*> nodes;                         // per op of the list
  std::unordered_map<const torch::jit::Node*, std::int32_t> index;    // the reverse
  std::unordered_map<const torch::jit::Value*, std::int32_t> values;  // graph value -> value id of the op list
};

// Runs the network once on `example` [N, C, H, W] and records what it did. Throws invalid_argument when the network does not take such
// an input (names the shape and the operator that failed) and failure when it contains what cannot be recorded (names operator and place).
captured_network capture(const network& net, const at::Tensor& example);

// A parameter, buffer or constant of the op list by value id; float32.
at::Tensor tensor_of(const network& net, const captured_network& captured, std::int32_t value);

}  // namespace sirfp::adapter
