#include "panel_dress.hpp"

#include <algorithm>

#include "kernels_by_level.hpp"

namespace sirfp {
namespace {

constexpr std::int64_t run_pixels = 128;  // fp32 sums no longer than this
constexpr int chains = 4;                 // independent sums, so that the latency of an addition is hidden

// Calls step(pixel, sums) for each pixel, where `sums` are the Totals running vectors of one of the chains; adds them to totals[k][16].
template <int Totals, class Step>
SIRFP_INLINE void reduce_pixels(std::int64_t pixels, double* const (&totals)[Totals], const Step& step) {
  for (std::int64_t first = 0; first < pixels; first += run_pixels) {
    lanes sums[chains][Totals] = {};
    const std::int64_t last = std::min(pixels, first + run_pixels);
    std::int64_t p = first;
    for (; p + chains <= last; p += chains)
      for (int k = 0; k < chains; ++k) step(p + k, sums[k]);
    for (; p < last; ++p) step(p, sums[0]);
    for (int t = 0; t < Totals; ++t) {
      const lanes sum = (sums[0][t] + sums[1][t]) + (sums[2][t] + sums[3][t]);
      add_widened(totals[t], sum);
    }
  }
}

SIRFP_INLINE void measure(const float* packed, std::int64_t pixels, double* magnitude) {
  double* const totals[] = {magnitude};
  reduce_pixels<1>(
      pixels, totals, [packed](std::int64_t p, lanes(&sums)[1]) __attribute__((always_inline)) {
        sums[0] += magnitude_of(load<lanes>(packed + p * lane_count));
      });
}

SIRFP_INLINE void weigh(float* packed, const float* roots, std::int64_t pixels, double* weighted, double* magnitude) {
  double* const totals[] = {weighted, magnitude};
  reduce_pixels<2>(
      pixels, totals, [ packed, roots ](std::int64_t p, lanes(&sums)[2]) __attribute__((always_inline)) {
        const lanes value = roots[p] * load<lanes>(packed + p * lane_count);
        store(packed + p * lane_count, value);
        sums[0] += roots[p] * magnitude_of(value);
        sums[1] += magnitude_of(value);
      });
}

SIRFP_INLINE void sum(const float* packed, const float* weights, std::int64_t pixels, double* total) {
  double* const totals[] = {total};
  if (weights == nullptr) {
    reduce_pixels<1>(
        pixels, totals, [packed](std::int64_t p, lanes(&sums)[1]) __attribute__((always_inline)) {
          sums[0] += load<lanes>(packed + p * lane_count);
        });
    return;
  }
  reduce_pixels<1>(
      pixels, totals, [ packed, weights ](std::int64_t p, lanes(&sums)[1]) __attribute__((always_inline)) {
        sums[0] += weights[p] * load<lanes>(packed + p * lane_count);
      });
}

SIRFP_INLINE void centre(float* packed, const float* shift, const float* roots, std::int64_t pixels, double* residual, double* magnitude) {
  double* const totals[] = {residual, magnitude};
  const lanes offset = load<lanes>(shift);
  if (roots == nullptr) {
    reduce_pixels<2>(
        pixels, totals, [ packed, &offset ](std::int64_t p, lanes(&sums)[2]) __attribute__((always_inline)) {
          const lanes value = load<lanes>(packed + p * lane_count) - offset;
          store(packed + p * lane_count, value);
          sums[0] += value;
          sums[1] += magnitude_of(value);
        });
    return;
  }
  reduce_pixels<2>(
      pixels, totals, [ packed, roots, &offset ](std::int64_t p, lanes(&sums)[2]) __attribute__((always_inline)) {
        const lanes value = roots[p] * (load<lanes>(packed + p * lane_count) - offset);
        store(packed + p * lane_count, value);
        sums[0] += roots[p] * value;
        sums[1] += magnitude_of(value);
      });
}

// NOLINTBEGIN(bugprone-macro-parentheses): an attribute cannot stand in parentheses
#define SIRFP_DRESS_KERNELS(level, target)                                                                                                 \
  target void measure_##level(const float* x, std::int64_t n, double* m) { measure(x, n, m); }                                             \
  target void weigh_##level(float* x, const float* s, std::int64_t n, double* w, double* m) { weigh(x, s, n, w, m); }                      \
  target void sum_##level(const float* x, const float* w, std::int64_t n, double* t) { sum(x, w, n, t); }                                  \
  target void centre_##level(float* x, const float* a, const float* s, std::int64_t n, double* r, double* m) { centre(x, a, s, n, r, m); } \
  constexpr dress_kernels level##_kernels { measure_##level, weigh_##level, sum_##level, centre_##level }

SIRFP_KERNELS_BY_LEVEL(SIRFP_DRESS_KERNELS);
#undef SIRFP_DRESS_KERNELS
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace

const dress_kernels& dress_kernels_for(simd_level level) noexcept { return SIRFP_KERNELS_OF(level); }

}  // namespace sirfp
