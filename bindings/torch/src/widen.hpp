// 16-bit networks are computed in float32: widening on the way in, narrowing on the way out.
#pragma once

#include <torch/script.h>

namespace sirfp::adapter {

constexpr bool is_narrow(c10::ScalarType type) noexcept { return type == c10::kHalf || type == c10::kBFloat16; }

// The 16-bit type of the module's first 16-bit parameter or buffer, else the first floating one's, float32 when there is none.
c10::ScalarType stored_type(const torch::jit::Module& module);

// Every 16-bit parameter, buffer and other tensor attribute to float32, in place.
void widen_attributes(const torch::jit::Module& module);
// Tensor constants of 16-bit type to float32, and dtype literals (aten::to(x, 5), zeros(..., dtype=5)) to float32. What was rewritten
// carries its old type, so that narrowing finds exactly these again, in this graph and in copies of it.
void widen_graph(torch::jit::Graph& graph);

// A copy with floating attributes of `type` and its methods' rewritten constants as they were.
torch::jit::Module narrowed(const torch::jit::Module& module, c10::ScalarType type);

}  // namespace sirfp::adapter
