// The two loops of the pairwise elimination, once per instruction set.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sirfp {

// A vertex's degree and its index in one signed integer, so that the largest key is the largest degree and, among equals, the lowest index.
// Subtracting a multiple of 2^elimination_index_bits leaves the index part alone. A removed vertex has a negative key from then on.
constexpr int elimination_index_bits = 22;
constexpr std::int64_t elimination_index_mask = (std::int64_t{1} << elimination_index_bits) - 1;
constexpr std::int64_t removed_key = -(std::int64_t{1} << 61);  // can lose 2^62 more without wrapping
constexpr std::int64_t elimination_key(std::int64_t degree, std::int64_t index) noexcept {
  return (degree << elimination_index_bits) | (elimination_index_mask - index);
}

struct redundancy_scan {
  std::uint64_t largest_bits = 0;  // of |entry| as a double; at least infinity's when an entry is not finite
  bool symmetric = true;
};

struct leading_keys {
  std::int64_t best;       // the largest key
  std::int64_t runner_up;  // a large one, mostly the second largest, for prefetching its row: the largest of the other lanes
};

template <class T>
struct elimination_kernels {
  std::string_view isa;
  // One pass over a matrix, each entry and its mirror once: is it symmetric bit for bit, its largest magnitude, and, on the way, the
  // degrees in fixed point. `scale` is a guess: where it proves too large the degrees are meaningless and the caller comes again.
  redundancy_scan (*scan)(const T* matrix, std::int64_t channels, std::int64_t stride, double scale, std::int64_t* degrees);
  // keys[i] -= round(|row[i]| scale) << elimination_index_bits.
  // Fetches the row `ahead`, likely the next, on the way (unless it is `row` itself).
  leading_keys (*subtract)(const T* row, const T* ahead, std::int64_t channels, double scale, std::int64_t* keys);
};

// Those that this processor runs, fastest first; the last is plain C++.
template <class T>
std::span<const elimination_kernels<T>> elimination_kernels_here();

namespace plain {
extern const elimination_kernels<float> elimination_f32;
extern const elimination_kernels<double> elimination_f64;
}  // namespace plain
#ifdef __x86_64__
namespace avx2 {
extern const elimination_kernels<float> elimination_f32;
extern const elimination_kernels<double> elimination_f64;
}  // namespace avx2
namespace avx512 {
extern const elimination_kernels<float> elimination_f32;
extern const elimination_kernels<double> elimination_f64;
}  // namespace avx512
#endif

}  // namespace sirfp
