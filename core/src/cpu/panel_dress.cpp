#include "panel_dress.hpp"

#include <algorithm>

#include "kernels_by_level.hpp"

namespace sirfp {
namespace {

constexpr std::int64_t run_pixels = 128;  // fp32 sums no longer than this
constexpr int chains = 4;                 // independent sums, so that the latency of an addition is hidden

// Calls step(pixel, lane, sums) for each pixel and each strip of channels that a vector holds, `lane` its first one, where `sums` are the
// Totals running vectors of one of the chains; adds them to totals[k][16].
template <class Vector, int Totals, class Step>
SIRFP_INLINE void reduce_pixels(std::int64_t pixels, double* const (&totals)[Totals], const Step& step) {
  for (std::int64_t first = 0; first < pixels; first += run_pixels) {
    const std::int64_t last = std::min(pixels, first + run_pixels);
    for (std::int64_t lane = 0; lane < lane_count; lane += width_of<Vector>) {
      Vector sums[chains][Totals] = {};
      std::int64_t p = first;
      for (; p + chains <= last; p += chains)
        for (int k = 0; k < chains; ++k) step(p + k, lane, sums[k]);
      for (; p < last; ++p) step(p, lane, sums[0]);
      for (int t = 0; t < Totals; ++t) add_widened(totals[t] + lane, (sums[0][t] + sums[1][t]) + (sums[2][t] + sums[3][t]));
    }
  }
}

template <class Vector>
SIRFP_INLINE void measure(const float* packed, std::int64_t pixels, double* magnitude) {
  double* const totals[] = {magnitude};
  reduce_pixels<Vector>(
      pixels, totals, [packed](std::int64_t p, std::int64_t lane, Vector(&sums)[1]) __attribute__((always_inline)) {
        sums[0] += magnitude_of(load<Vector>(packed + p * lane_count + lane));
      });
}

template <class Vector>
SIRFP_INLINE void weigh(float* packed, const float* roots, std::int64_t pixels, double* weighted, double* magnitude) {
  double* const totals[] = {weighted, magnitude};
  reduce_pixels<Vector>(
      pixels, totals, [ packed, roots ](std::int64_t p, std::int64_t lane, Vector(&sums)[2]) __attribute__((always_inline)) {
        float* const at = packed + p * lane_count + lane;
        const Vector value = roots[p] * load<Vector>(at);
        store(at, value);
        sums[0] += roots[p] * magnitude_of(value);
        sums[1] += magnitude_of(value);
      });
}

template <class Vector>
SIRFP_INLINE void sum(const float* packed, const float* weights, std::int64_t pixels, double* total) {
  double* const totals[] = {total};
  if (weights == nullptr) {
    reduce_pixels<Vector>(
        pixels, totals, [packed](std::int64_t p, std::int64_t lane, Vector(&sums)[1]) __attribute__((always_inline)) {
          sums[0] += load<Vector>(packed + p * lane_count + lane);
        });
    return;
  }
  reduce_pixels<Vector>(
      pixels, totals, [ packed, weights ](std::int64_t p, std::int64_t lane, Vector(&sums)[1]) __attribute__((always_inline)) {
        sums[0] += weights[p] * load<Vector>(packed + p * lane_count + lane);
      });
}

template <class Vector>
SIRFP_INLINE void centre(float* packed, const float* shift, const float* roots, std::int64_t pixels, double* residual, double* magnitude) {
  double* const totals[] = {residual, magnitude};
  float offset[lane_count];  // a copy, which no store reaches
  std::copy_n(shift, lane_count, offset);
  if (roots == nullptr) {
    reduce_pixels<Vector>(
        pixels, totals, [ packed, &offset ](std::int64_t p, std::int64_t lane, Vector(&sums)[2]) __attribute__((always_inline)) {
          float* const at = packed + p * lane_count + lane;
          const Vector value = load<Vector>(at) - load<Vector>(offset + lane);
          store(at, value);
          sums[0] += value;
          sums[1] += magnitude_of(value);
        });
    return;
  }
  reduce_pixels<Vector>(
      pixels, totals, [ packed, roots, &offset ](std::int64_t p, std::int64_t lane, Vector(&sums)[2]) __attribute__((always_inline)) {
        float* const at = packed + p * lane_count + lane;
        const Vector value = roots[p] * (load<Vector>(at) - load<Vector>(offset + lane));
        store(at, value);
        sums[0] += roots[p] * value;
        sums[1] += magnitude_of(value);
      });
}

// NOLINTBEGIN(bugprone-macro-parentheses): an attribute cannot stand in parentheses
#define SIRFP_DRESS_KERNELS(level, target)                                                                                            \
  target void measure_##level(const float* x, std::int64_t n, double* m) { measure<level##_vector>(x, n, m); }                        \
  target void weigh_##level(float* x, const float* s, std::int64_t n, double* w, double* m) { weigh<level##_vector>(x, s, n, w, m); } \
  target void sum_##level(const float* x, const float* w, std::int64_t n, double* t) { sum<level##_vector>(x, w, n, t); }             \
  target void centre_##level(float* x, const float* a, const float* s, std::int64_t n, double* r, double* m) {                        \
    centre<level##_vector>(x, a, s, n, r, m);                                                                                         \
  }                                                                                                                                   \
  constexpr dress_kernels level##_kernels { measure_##level, weigh_##level, sum_##level, centre_##level }

SIRFP_KERNELS_BY_LEVEL(SIRFP_DRESS_KERNELS);
#undef SIRFP_DRESS_KERNELS
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace

const dress_kernels& dress_kernels_for(simd_level level) noexcept { return SIRFP_KERNELS_OF(level); }

}  // namespace sirfp
