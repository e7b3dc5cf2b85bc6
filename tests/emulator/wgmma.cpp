#include "wgmma.hpp"

#include <array>
#include <cstring>

#include "sirfp/dtype.hpp"

namespace sirfp::emulator {
namespace {

constexpr int depth = 16;

// An operand of rows of 128 bytes, permuted: descriptors of other kinds are refused.
class operand_rows {
 public:
  operand_rows(std::uint64_t descriptor, bool bf16)
      : start_(static_cast<std::uint32_t>(descriptor & 0x3fffU) * 16),
        eight_rows_(static_cast<std::uint32_t>(descriptor >> 32 & 0x3fffU) * 16),
        bf16_(bf16) {
    if (descriptor >> 62 != 1 || (descriptor >> 49 & 7U) != 0) fail("wgmma: an operand that is not permuted by 128 bytes");
  }
  std::array<double, depth> row(int index) const {
    const auto at = static_cast<std::uint32_t>(index);
    const std::uint32_t first = start_ + at / 8 * eight_rows_ + at % 8 * 128;
    std::array<double, depth> values{};
    for (std::uint32_t k = 0; k < depth; ++k) values[k] = value_at(first + 2 * k);
    return values;
  }

 private:
  // Bits 4-6 of the address are changed by bits 7-9.
  double value_at(std::uint32_t address) const {
    const guarded_memory& shared = this_thread().home->shared;
    const std::uint32_t at = address ^ (address >> 7 & 7U) << 4;
    if (at + 2 > shared.size()) fail("wgmma: an operand beyond shared memory");
    std::uint16_t bits = 0;
    std::memcpy(&bits, shared.data() + at, 2);
    return static_cast<double>(bf16_ ? bf16_to_float(bits) : f16_to_float(bits));
  }

  std::uint32_t start_;
  std::uint32_t eight_rows_;
  bool bf16_;
};

double dot(const std::array<double, depth>& a, const std::array<double, depth>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < depth; ++k) sum += a[k] * b[k];
  return sum;
}

void multiply(const pending_product& product) {
  const int thread = this_thread().index;
  const int lane = thread % 32;
  const operand_rows a(product.a, product.bf16);
  const operand_rows b(product.b, product.bf16);
  const int first_row = thread / 32 % 4 * 16 + lane / 4;
  const std::array<double, depth> rows[2] = {a.row(first_row), a.row(first_row + 8)};
  for (int column = 0; column < 16; ++column)
    for (int side = 0; side < 2; ++side) {
      const std::array<double, depth> values = b.row(8 * column + lane % 4 * 2 + side);
      for (int half = 0; half < 2; ++half) {
        float& d = product.d[4 * column + 2 * half + side];
        d = static_cast<float>((product.adds ? static_cast<double>(d) : 0.0) + dot(rows[half], values));
      }
    }
}

std::vector<std::vector<pending_product>>& groups() {
  auto& all = this_thread().products;
  if (all.empty()) all.emplace_back();
  return all;
}

}  // namespace

void multiply_64_by_128(float* d, std::uint64_t a, std::uint64_t b, bool adds, bool bf16) {
  groups().back().push_back({d, a, b, adds, bf16});
}

void commit_products() { groups().emplace_back(); }

void wait_for_products(int pending_groups) {
  auto& all = groups();
  const auto to_finish = static_cast<std::ptrdiff_t>(all.size()) - 1 - pending_groups;  // the open one is not waited for
  if (to_finish <= 0) return;
  for (std::ptrdiff_t g = 0; g < to_finish; ++g)
    for (const pending_product& product : all[static_cast<std::size_t>(g)]) multiply(product);
  all.erase(all.begin(), all.begin() + to_finish);
}

}  // namespace sirfp::emulator
