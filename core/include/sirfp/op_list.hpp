// The framework-neutral description of a network: what front ends produce and the channel graph reads. Nothing else in core knows of
// frameworks. Only operators that produce tensors from activations are listed, in execution order; shape arithmetic has been evaluated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sirfp {

// A tensor: an activation, a parameter or buffer of the network, or a tensor constant of the graph.
struct op_value {
  enum class role : std::uint8_t { activation, parameter, buffer, constant };
  role kind = role::activation;
  std::string name;                 // parameters and buffers: path in the module tree; constants: "$constant.<k>"; else a debug name
  std::vector<std::int64_t> shape;  // as seen with the example input
};

// Where a number that is not literal comes from: multiply / divide times the product of these tensor extents, or, with exact == false, some
// other function of them. Lets the channel graph tell numbers that follow a removal by themselves from those that would go wrong.
struct size_origin {
  struct extent {
    std::int32_t value = -1;
    std::int32_t axis = 0;
  };
  std::vector<extent> extents{};
  std::int64_t multiply = 1;
  std::int64_t divide = 1;
  bool exact = true;
};

struct op_argument {
  enum class kind : std::uint8_t { none, tensor, tensors, ints, floats, boolean, text, other };
  kind type = kind::none;
  std::vector<std::int32_t> values{};  // tensor: one id; tensors: ids (-1 for an absent one)
  std::vector<std::int64_t> ints{};    // ints (one or a list), boolean (0 or 1)
  std::vector<double> floats{};
  std::string text{};                   // text; for `other` its type
  std::vector<std::uint8_t> literal{};  // per int or float: 1 = a constant written in the graph (can be edited), 0 = computed from tensor
                                        // sizes at run time; empty: all literal
  std::vector<size_origin> origins{};   // per int or float, for the computed ones; empty where the front end does not know
};

struct op {
  std::string name;   // "aten::conv2d": no overload; an in-place underscore is kept
  std::string place;  // the module it was called in, "encoder.layer1.0.conv1.0", or its outputs' debug name where there is none
  std::vector<op_argument> arguments;  // by schema position
  std::vector<std::int32_t> outputs;   // value ids
};

struct op_list {
  std::vector<op_value> values;
  std::vector<op> ops;
  std::vector<std::int32_t> inputs;
  std::vector<std::int32_t> outputs;  // tensors inside tuples, lists and dicts are flattened in order
};

}  // namespace sirfp
