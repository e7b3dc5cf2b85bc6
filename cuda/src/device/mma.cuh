// Tensor cores: D = A B + D of a whole warp, A [16 x K] and B [K x 8] in 16-bit or TF32, D [16 x 8] in fp32 (mma.sync, sm_80).
//
// Which lane holds what, with g = lane / 4 and t = lane % 4 (PTX ISA, "Matrix Fragments"):
//   D         d[0], d[1] = D(g, 2t), D(g, 2t + 1)               d[2], d[3] = D(g + 8, 2t), D(g + 8, 2t + 1)
//   A, 16 bit a[0] = A(g, 2t..2t+1)    a[1] = A(g + 8, 2t..2t+1)    a[2] = A(g, 2t+8..2t+9)    a[3] = A(g + 8, 2t+8..2t+9)
//   B, 16 bit b[0] = B(2t..2t+1, g)    b[1] = B(2t+8..2t+9, g)      (pairs: the lower index in the lower half of the register)
//   A, TF32   a[0] = A(g, t)           a[1] = A(g + 8, t)           a[2] = A(g, t + 4)         a[3] = A(g + 8, t + 4)
//   B, TF32   b[0] = B(t, g)           b[1] = B(t + 4, g)           (fp32 bits, of which the lower 13 are ignored)
// So an X that is stored channel by channel, pixels contiguous, serves as A and as B = X^T with the same pairs.
#pragma once

#include <cstdint>

#include "barriers.cuh"
#ifndef __CUDACC__
#include "emulator/mma.hpp"
#endif

namespace sirfp::device {

struct mma_a {
  std::uint32_t a[4];
};
struct mma_b {
  std::uint32_t b[2];
};
struct mma_d {
  float d[4];
};

// Row and column of d[i] in D.
SIRFP_DEVICE int mma_row(int lane, int i) { return lane / 4 + (i >= 2 ? 8 : 0); }
SIRFP_DEVICE int mma_column(int lane, int i) { return lane % 4 * 2 + i % 2; }

#ifdef __CUDACC__
#define SIRFP_MMA(shape, type)                                                                                                        \
  asm volatile("mma.sync.aligned." shape ".row.col.f32." type "." type ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n" \
               : "+f"(d.d[0]), "+f"(d.d[1]), "+f"(d.d[2]), "+f"(d.d[3])                                                               \
               : "r"(a.a[0]), "r"(a.a[1]), "r"(a.a[2]), "r"(a.a[3]), "r"(b.b[0]), "r"(b.b[1]))
SIRFP_DEVICE void mma_f16(mma_d& d, const mma_a& a, const mma_b& b) { SIRFP_MMA("m16n8k16", "f16"); }
SIRFP_DEVICE void mma_bf16(mma_d& d, const mma_a& a, const mma_b& b) { SIRFP_MMA("m16n8k16", "bf16"); }
SIRFP_DEVICE void mma_tf32(mma_d& d, const mma_a& a, const mma_b& b) { SIRFP_MMA("m16n8k8", "tf32"); }
#undef SIRFP_MMA

// ldmatrix: `Count` 8 x 8 matrices of 16-bit elements from shared memory. Lane 8 m + r names row r of matrix m (16 bytes, aligned); lane
// (g, t) gets (g, 2t..2t+1) of each, or (2t..2t+1, g) when transposed.
template <int Count, bool Transposed = false>
SIRFP_DEVICE void load_matrices(std::uint32_t (&into)[Count], const void* row) {
  static_assert(Count == 2 || Count == 4);
  const auto from = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (Count == 4 && Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(into[0]), "=r"(into[1]), "=r"(into[2]), "=r"(into[3])
                 : "r"(from)
                 : "memory");
  else if constexpr (Count == 4)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(into[0]), "=r"(into[1]), "=r"(into[2]), "=r"(into[3])
                 : "r"(from)
                 : "memory");
  else if constexpr (Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];\n" : "=r"(into[0]), "=r"(into[1]) : "r"(from) : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];\n" : "=r"(into[0]), "=r"(into[1]) : "r"(from) : "memory");
}
#else
inline void mma_f16(mma_d& d, const mma_a& a, const mma_b& b, emulator::site here = emulator::site::current()) {
  emulator::mma(d.d, a.a, b.b, emulator::operand::f16, here);
}
inline void mma_bf16(mma_d& d, const mma_a& a, const mma_b& b, emulator::site here = emulator::site::current()) {
  emulator::mma(d.d, a.a, b.b, emulator::operand::bf16, here);
}
inline void mma_tf32(mma_d& d, const mma_a& a, const mma_b& b, emulator::site here = emulator::site::current()) {
  emulator::mma(d.d, a.a, b.b, emulator::operand::tf32, here);
}
template <int Count, bool Transposed = false>
void load_matrices(std::uint32_t (&into)[Count], const void* row, emulator::site here = emulator::site::current()) {
  static_assert(Count == 2 || Count == 4);
  emulator::load_matrices(into, Count, Transposed, row, here);
}
#endif

}  // namespace sirfp::device
