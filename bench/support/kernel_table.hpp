// Feature maps of one image as segmentation networks have them, from an early to a late layer: what the GPU's kernels are measured on.
#pragma once

#include <cstdlib>
#include <vector>

#include "feature_shapes.hpp"

namespace sirfp::bench {

inline bool tiny() { return std::getenv("SIRFP_BENCH_TINY") != nullptr; }  // as tests of the benchmarks themselves

inline std::vector<feature_shape> kernel_table() {
  if (tiny()) return {{3, 7, 10}, {65, 2, 36}};
  return {{64, 193, 193},    // ResNet layer1, 769 x 769
          {64, 512, 1024},   // stem, 1024 x 2048
          {128, 385, 385},   // stem, 769 x 769
          {256, 97, 97},     // layer3, ASPP at stride 8
          {256, 256, 512},   // decoder, 1024 x 2048
          {512, 97, 97},     // layer4
          {720, 256, 512},   // HRNet-W48's head
          {1024, 128, 256},  // ResNet-101 layer3, 1024 x 2048
          {2048, 97, 97},    // layer4's output, 769 x 769
          {2048, 128, 256},  // the same, 1024 x 2048
          {4096, 32, 64}};   // an MLP of ConvNeXt-B
}

}  // namespace sirfp::bench
