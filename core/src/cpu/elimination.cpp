// Computes: the greedy elimination of METHOD 3, one thread a matrix, the largest first.
// Traffic:  the matrix once for checks, scale and degrees, and once more row by row while it is eliminated.
// Order:    integer degrees, so the same bits on any number of threads and any instruction set.
// Measured: bench/core/elimination_bench.cpp.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "../redundancy_defect.hpp"
#include "../redundancy_scale.hpp"
#include "cpu_backend.hpp"
#include "elimination_kernels.hpp"

namespace sirfp {
namespace {

enum class outcome : std::uint8_t { done, defective, out_of_range };

// Degrees in fixed point. A Gram matrix has its largest entry on the diagonal, so the scale is guessed from there and one pass does.
template <class T>
outcome find_degrees(const redundancy_matrix& matrix, const elimination_kernels<T>& kernels, std::int64_t* degrees, int& shift) {
  constexpr int least_shift = -1000;  // beyond these, 2^shift is no normal double: the reference does that matrix
  constexpr int most_shift = 1000;
  const T* data = static_cast<const T*>(matrix.data);
  double largest = 0;
  for (std::int64_t i = 0; i < matrix.channels; ++i)
    largest = std::max(largest, std::abs(static_cast<double>(data[i * matrix.row_stride + i])));
  if (!std::isfinite(largest)) return outcome::defective;
  for (;;) {
    shift = redundancy_shift(largest, matrix.channels);
    const double scale = std::ldexp(1.0, std::clamp(shift, least_shift, most_shift));
    const redundancy_scan found = kernels.scan(data, matrix.channels, matrix.row_stride, scale, degrees);
    largest = std::bit_cast<double>(found.largest_bits);
    if (!found.symmetric || !std::isfinite(largest)) return outcome::defective;
    if (redundancy_shift(largest, matrix.channels) == shift)
      return shift >= least_shift && shift <= most_shift ? outcome::done : outcome::out_of_range;
  }
}

std::int64_t vertex_of(std::int64_t key) { return elimination_index_mask - (key & elimination_index_mask); }

template <class T>
outcome eliminate_one(const redundancy_matrix& matrix, elimination& result) {
  const elimination_kernels<T>& kernels = elimination_kernels_here<T>().front();
  const std::int64_t channels = matrix.channels;
  std::vector<std::int64_t> keys(static_cast<std::size_t>(channels));
  int shift = 0;
  const outcome found = find_degrees(matrix, kernels, keys.data(), shift);
  if (found != outcome::done) return found;
  const double scale = std::ldexp(1.0, shift);
  const double unit = std::ldexp(1.0, -shift);

  std::int64_t left = 0;
  std::int64_t best = removed_key;
  for (std::int64_t i = 0; i < channels; ++i) {
    std::int64_t& key = keys[static_cast<std::size_t>(i)];
    left += key;
    key = elimination_key(key, i);
    best = std::max(best, key);
  }
  result.order.resize(static_cast<std::size_t>(channels));
  result.marginals.resize(result.order.size());
  result.curve.resize(result.order.size() + 1);
  result.curve[0] = static_cast<double>(left) * unit;
  const T* data = static_cast<const T*>(matrix.data);
  leading_keys leading{best, best};
  for (std::size_t t = 0; t < result.order.size(); ++t) {
    const std::int64_t vertex = vertex_of(leading.best);
    const std::int64_t degree = leading.best >> elimination_index_bits;
    const T* row = data + vertex * matrix.row_stride;
    left -= 2 * degree - std::llrint(std::abs(static_cast<double>(row[vertex])) * scale);
    result.order[t] = static_cast<std::int32_t>(vertex);
    result.marginals[t] = static_cast<double>(degree) * unit;
    result.curve[t + 1] = static_cast<double>(left) * unit;
    keys[static_cast<std::size_t>(vertex)] = removed_key;
    const T* ahead = leading.runner_up < 0 ? row : data + vertex_of(leading.runner_up) * matrix.row_stride;
    leading = kernels.subtract(row, ahead, channels, scale, keys.data());
  }
  return outcome::done;
}

template <class T>
std::vector<elimination_kernels<T>> kernels_here(const elimination_kernels<T>& plain_kernels, const elimination_kernels<T>* avx2_kernels,
                                                 const elimination_kernels<T>* avx512_kernels) {
  std::vector<elimination_kernels<T>> found;
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
    found.push_back(*avx512_kernels);
  if (__builtin_cpu_supports("avx2")) found.push_back(*avx2_kernels);
#else
  static_cast<void>(avx2_kernels);
  static_cast<void>(avx512_kernels);
#endif
  found.push_back(plain_kernels);
  return found;
}

}  // namespace

#ifdef __x86_64__
template <>
std::span<const elimination_kernels<float>> elimination_kernels_here() {
  static const auto here = kernels_here(plain::elimination_f32, &avx2::elimination_f32, &avx512::elimination_f32);
  return here;
}
template <>
std::span<const elimination_kernels<double>> elimination_kernels_here() {
  static const auto here = kernels_here(plain::elimination_f64, &avx2::elimination_f64, &avx512::elimination_f64);
  return here;
}
#else
template <>
std::span<const elimination_kernels<float>> elimination_kernels_here() {
  return {&plain::elimination_f32, 1};
}
template <>
std::span<const elimination_kernels<double>> elimination_kernels_here() {
  return {&plain::elimination_f64, 1};
}
#endif

void cpu_backend::eliminate(const context& ctx, std::span<const redundancy_matrix> matrices, std::span<elimination> results) const {
  std::vector<std::size_t> largest_first(matrices.size());
  std::iota(largest_first.begin(), largest_first.end(), std::size_t{0});
  std::ranges::stable_sort(largest_first, std::greater<>{}, [&](std::size_t m) { return matrices[m].channels; });
  std::vector<outcome> outcomes(matrices.size());
  ctx.threads->parallel_for(static_cast<std::int64_t>(matrices.size()), [&](std::int64_t task) {
    const std::size_t m = largest_first[static_cast<std::size_t>(task)];
    outcomes[m] = matrices[m].is_double ? eliminate_one<double>(matrices[m], results[m]) : eliminate_one<float>(matrices[m], results[m]);
  });
  for (std::size_t m = 0; m < matrices.size(); ++m) {
    if (outcomes[m] == outcome::defective) expect_redundancy(matrices[m], static_cast<std::int64_t>(m));
    if (outcomes[m] == outcome::out_of_range) reference_backend::eliminate(ctx, matrices.subspan(m, 1), results.subspan(m, 1));
  }
}

}  // namespace sirfp
