#include "mma.hpp"

#include <bit>

#include "sirfp/dtype.hpp"

namespace sirfp::emulator {
namespace {

struct mma_part {
  float* d;
  const std::uint32_t* a;
  const std::uint32_t* b;
};

struct matrices {
  double a[16][16] = {};
  double b[16][8] = {};
};

template <operand Type>
double half_of(std::uint32_t pair, int which) {
  const auto bits = static_cast<std::uint16_t>(pair >> (16 * which));
  return static_cast<double>(Type == operand::f16 ? f16_to_float(bits) : bf16_to_float(bits));
}

double tf32_of(std::uint32_t bits) { return static_cast<double>(std::bit_cast<float>(bits & 0xffffe000U)); }

template <operand Type>
void gather_16_bit(void* const (&lanes)[32], matrices& m) {
  for (int lane = 0; lane < 32; ++lane) {
    const auto& part = *static_cast<const mma_part*>(lanes[lane]);
    const int g = lane / 4;
    const int k = lane % 4 * 2;
    for (int which = 0; which < 2; ++which) {
      for (int i = 0; i < 4; ++i) m.a[g + 8 * (i % 2)][k + which + 8 * (i / 2)] = half_of<Type>(part.a[i], which);
      for (int i = 0; i < 2; ++i) m.b[k + which + 8 * i][g] = half_of<Type>(part.b[i], which);
    }
  }
}

void gather_tf32(void* const (&lanes)[32], matrices& m) {
  for (int lane = 0; lane < 32; ++lane) {
    const auto& part = *static_cast<const mma_part*>(lanes[lane]);
    const int g = lane / 4;
    const int t = lane % 4;
    for (int i = 0; i < 4; ++i) m.a[g + 8 * (i % 2)][t + 4 * (i / 2)] = tf32_of(part.a[i]);
    for (int i = 0; i < 2; ++i) m.b[t + 4 * i][g] = tf32_of(part.b[i]);
  }
}

template <operand Type>
void multiply(void* const (&lanes)[32], unsigned) {
  matrices m;
  if constexpr (Type == operand::tf32)
    gather_tf32(lanes, m);
  else
    gather_16_bit<Type>(lanes, m);
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      float& d = static_cast<mma_part*>(lanes[lane])->d[i];
      const int row = lane / 4 + 8 * (i / 2);
      const int column = lane % 4 * 2 + i % 2;
      double sum = static_cast<double>(d);
      for (int k = 0; k < (Type == operand::tf32 ? 8 : 16); ++k) sum += m.a[row][k] * m.b[k][column];
      d = static_cast<float>(sum);
    }
}

struct load_part {
  const std::uint16_t* row;
  std::uint32_t* into;
  int count;
  bool transposed;
};

void distribute(void* const (&lanes)[32], unsigned) {
  for (int lane = 0; lane < 32; ++lane) {
    const auto& part = *static_cast<const load_part*>(lanes[lane]);
    for (int m = 0; m < part.count; ++m) {
      const auto at = [&](int row, int column) { return std::uint32_t{static_cast<const load_part*>(lanes[8 * m + row])->row[column]}; };
      const int g = lane / 4;
      const int k = lane % 4 * 2;
      part.into[m] = part.transposed ? at(k, g) | at(k + 1, g) << 16 : at(g, k) | at(g, k + 1) << 16;
    }
  }
}

}  // namespace

void mma(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], operand type, site here) {
  mma_part mine{d, a, b};
  constexpr combine_lanes by_type[] = {multiply<operand::f16>, multiply<operand::bf16>, multiply<operand::tf32>};
  warp_collective("mma", 0xffffffffU, &mine, by_type[static_cast<int>(type)], here);
}

void load_matrices(std::uint32_t* into, int count, bool transposed, const void* row, site here) {
  if (this_thread().index % 32 < 8 * count) expect_aligned(row, 16, "load_matrices");
  load_part mine{static_cast<const std::uint16_t*>(row), into, count, transposed};
  warp_collective("load_matrices", 0xffffffffU, &mine, distribute, here);
}

}  // namespace sirfp::emulator
