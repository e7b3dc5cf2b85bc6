// Inlining that remembers where code came from.
#pragma once

#include <torch/script.h>

namespace sirfp::adapter {

// Replaces every method and function call by its code, and sets the scope of that code's nodes to the path of the module that was called
// ("encoder.layer1.0"; a free function keeps its caller's). LibTorch's own pass keeps only the last attribute name of each call.
void inline_calls(torch::jit::Block* block, const torch::jit::Module& root);

}  // namespace sirfp::adapter
