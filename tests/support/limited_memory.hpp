// A network that runs out of memory as a GPU does, but on the CPU: an operator of ours takes so many images and no more.
#pragma once

#include <torch/script.h>

#include "observed_network.hpp"

TORCH_LIBRARY(sirfp_limited_memory, library) {
  library.def("at_most(Tensor x, int images) -> Tensor", [](const at::Tensor& x, std::int64_t images) {
    if (x.size(0) > images) throw c10::OutOfMemoryError({"", "", 0}, "CUDA out of memory.");
    return x;
  });
}

namespace sirfp::test {

// In front of the last convolution, so that what comes before it has been counted when memory runs out.
inline void limit_memory(const observed_network& all, std::int64_t images) {
  torch::jit::Node* last = nullptr;
  for (torch::jit::Node* node : all.net.graph->nodes())
    if (node->kind() == at::aten::conv2d) last = node;
  const torch::jit::WithInsertPoint here(last);
  last->replaceInput(0, all.net.graph->insert(c10::Symbol::fromQualString("sirfp_limited_memory::at_most"), {last->input(0), images}));
}

}  // namespace sirfp::test
