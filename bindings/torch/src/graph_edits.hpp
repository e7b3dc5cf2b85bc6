// Edits of a rebuilt network's graph: literals, tensor constants, masks, biases. None touches a constant that another operator reads.
#pragma once

#include "rebuild.hpp"
#include "sirfp/plan.hpp"

namespace sirfp::adapter {

// Gives one integer of one operator its new value. Throws failure when it is not the literal that the plan says.
void edit_literal(rebuilt_network& built, const captured_network& captured, const literal_edit& edit);

// Replaces the tensor constant that the op list knows under this value id.
void replace_constant(rebuilt_network& built, const captured_network& captured, std::int32_t value, const at::Tensor& tensor);

// The operator's argument is multiplied by the buffer at `path` before it is read.
void multiply_argument(rebuilt_network& built, const captured_network& captured, std::int32_t op, std::size_t argument,
                       const std::string& path);

// The operator, which has no bias, reads the parameter at `path` as one.
void connect_bias(rebuilt_network& built, const captured_network& captured, std::int32_t op, const std::string& path);

// Which argument of a dense operator is its bias; -1 for an operator that takes none.
int bias_argument(const std::string& operator_name);

}  // namespace sirfp::adapter
