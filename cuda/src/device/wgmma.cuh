// Tensor cores by warpgroup (wgmma, sm_90a): D = A B + D of four warps, A [64 x 16] and B [16 x 128] of 16-bit values in shared memory, D
// [64 x 128] in registers, fp32. The first of the warps has an index that 4 divides. Asynchronous: between issue and wait_for_products the
// accumulators belong to the tensor cores, and so do the operands.
//
// Operands are "K-major": A row by row, B column by column, both as boxes of the copy engine lie (tensor_map.hpp): rows of 64 values, 128
// bytes, one behind the other, 16-byte units permuted in groups of eight rows. So an X that is stored channel by channel is A and B = X^T.
//
// d[4 n + i] of lane (g, t) of warp w: row 16 w + mma_row(lane, i), column 8 n + mma_column(lane, i).
#pragma once

#include <cstdint>
#include <type_traits>

#include "also_device.hpp"
#include "mbarrier.cuh"
#include "numbers.cuh"
#ifndef __CUDACC__
#include "emulator/wgmma.hpp"
#endif

namespace sirfp::device {

// Where an operand begins, as wgmma takes it (PTX ISA, "Matrix Descriptor Format"): bits 0-13 the address, 16-29 the leading offset (unused
// with this permutation; 1), 32-45 the bytes from eight rows to the next eight, all three in units of 16; 62-63 the permutation, 1 for 128
// bytes. `address` in shared memory: of a row that is a multiple of 8 in a box at a multiple of 1,024 bytes, plus 2 bytes a column, a
// multiple of 16 of them; the permutation is applied to the sum.
SIRFP_ALSO_DEVICE constexpr std::uint64_t operand_descriptor(std::uint32_t address) {
  constexpr std::uint64_t leading = 1;
  constexpr std::uint64_t eight_rows = 8 * 128 / 16;
  constexpr std::uint64_t permuted_by_128 = 1;
  return std::uint64_t{(address & 0x3ffffU) >> 4} | leading << 16 | eight_rows << 32 | permuted_by_128 << 62;
}

#ifdef __CUDACC__
// Before the first product that uses accumulators which this thread has written or read.
SIRFP_DEVICE void begin_products() { asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory"); }
// Ends a group of products.
SIRFP_DEVICE void commit_products() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }
// Until at most `Pending` of the latest groups are under way.
template <int Pending>
SIRFP_DEVICE void wait_for_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(Pending) : "memory");
}
#define SIRFP_WGMMA(type)                                                                                                                 \
  asm volatile(                                                                                                                           \
      "{\n.reg .pred adds;\nsetp.ne.b32 adds, %66, 0;\n"                                                                                  \
      "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type                                                                        \
      " {"                                                                                                                                \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21,"                               \
      "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41,"                               \
      "%42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61,"                               \
      "%62, %63"                                                                                                                          \
      "}, %64, %65, adds, 1, 1, 0, 0;\n}\n"                                                                                               \
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]), "+f"(d[9]),           \
        "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), \
        "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), \
        "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), \
        "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]), "+f"(d[49]), \
        "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), \
        "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])                                                                                \
      : "l"(a), "l"(b), "r"(static_cast<int>(adds)))
// d = A B, or d += A B.
template <class Half>
SIRFP_DEVICE void multiply_64_by_128(float (&d)[64], std::uint64_t a, std::uint64_t b, bool adds) {
  if constexpr (std::is_same_v<Half, bf16>)
    SIRFP_WGMMA("bf16");
  else
    SIRFP_WGMMA("f16");
}
#undef SIRFP_WGMMA
#else
inline void begin_products() {}
inline void commit_products() { emulator::commit_products(); }
template <int Pending>
void wait_for_products() {
  emulator::wait_for_products(Pending);
}
template <class Half>
void multiply_64_by_128(float (&d)[64], std::uint64_t a, std::uint64_t b, bool adds) {
  emulator::multiply_64_by_128(d, a, b, adds, std::is_same_v<Half, bf16>);
}
#endif

}  // namespace sirfp::device
