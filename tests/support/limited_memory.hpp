// A network that runs out of memory as a GPU does, but on the CPU: an operator of ours takes so many images and no more.
#pragma once

#include <torch/script.h>

#include <stdexcept>

#include "observed_network.hpp"

TORCH_LIBRARY(sirfp_limited_memory, library) {
  library.def("at_most(Tensor x, int images) -> Tensor", [](const at::Tensor& x, std::int64_t images) {
    if (x.size(0) > images) throw c10::OutOfMemoryError({"", "", 0}, "CUDA out of memory.");
    return x;
  });
}

namespace sirfp::test {

inline torch::jit::Node* convolution(const observed_network& all, int which) {
  for (torch::jit::Node* node : all.net.graph->nodes())
    if (node->kind() == at::aten::conv2d && which-- == 0) return node;
  throw std::runtime_error("no such convolution");
}

// In front of the second convolution, so that memory runs out when one layer has been read (on a device it may still wait for others) and
// others are to come.
inline void limit_memory(const observed_network& all, std::int64_t images) {
  torch::jit::Node* const second = convolution(all, 1);
  const torch::jit::WithInsertPoint here(second);
  second->replaceInput(0, all.net.graph->insert(c10::Symbol::fromQualString("sirfp_limited_memory::at_most"), {second->input(0), images}));
}

}  // namespace sirfp::test
