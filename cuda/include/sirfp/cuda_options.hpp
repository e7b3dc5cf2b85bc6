// What a caller may ask of the cuda backend beyond what every backend takes.
#pragma once

#include <cstdint>

namespace sirfp {

enum class gram_precision : std::uint8_t {
  standard,  // tensor cores: 16-bit values as they are, fp32 and weighted or centred values as two f16 terms (22 bits); fp32 sums, then
             // fp64
  strict     // fp64 from the first product on, without tensor cores: slow, for comparison
};

enum class gram_engine : std::uint8_t {
  own,    // our kernels
  wgmma,  // ours too, but 16-bit similarity of more than 128 channels by wgmma and TMA where the GPU has them (compute capability 9.0) and
          // the map is aligned. Never run on a GPU yet: not the default before it has been
  cublas  // cuBLAS over the full square, then an epilogue: to compare with. fp32 sums; values whose squares leave fp32 become infinite
};

struct cuda_options {
  gram_precision precision = gram_precision::standard;
  gram_engine engine = gram_engine::own;  // others: with the standard precision only
};

}  // namespace sirfp
