// Computes        v = sqrt(gx^2 + gy^2) with 3x3 kernels [[-.5,0,.5],[-1,0,1],[-.5,0,.5]] and transpose; count, mean, sum (v - mean)^2
// Tile            one row of pixels x 16 channels a call; the channels are the lanes, so neighbours are whole vectors
// Traffic         three rows read from the first cache, one row of v written and read twice there
// Accumulates in  fp32 over at most 128 pixels about a shift, then fp64; rows merged by Chan's update in fp64
// Order           pixels ascending
#include "edge_kernel.hpp"

#include <algorithm>
#include <cmath>

#include "kernels_by_level.hpp"

namespace sirfp {
namespace {

template <class Vector>
SIRFP_INLINE Vector square_root(const Vector& value) noexcept {
  Vector root;
  for (int l = 0; l < width_of<Vector>; ++l) root[l] = std::sqrt(value[l]);
  return root;
}

template <class Vector>
SIRFP_INLINE void sobel(const float* above, const float* middle, const float* below, std::int64_t width, float* magnitudes) {
  Vector smooth[3] = {};  // 0.5 above + middle + 0.5 below at x - 1, x, x + 1
  Vector slope[3] = {};   // below - above
  const auto column = [=](std::int64_t x, Vector & smoothed, Vector & sloped) __attribute__((always_inline)) {
    const Vector a = load<Vector>(above + x * lane_count);
    const Vector b = load<Vector>(below + x * lane_count);
    smoothed = load<Vector>(middle + x * lane_count) + 0.5F * (a + b);
    sloped = b - a;
  };
  column(0, smooth[1], slope[1]);
  for (std::int64_t x = 0; x < width; ++x) {
    smooth[2] = Vector{};
    slope[2] = Vector{};
    if (x + 1 < width) column(x + 1, smooth[2], slope[2]);
    const Vector gx = smooth[2] - smooth[0];
    const Vector gy = slope[1] + 0.5F * (slope[0] + slope[2]);
    const Vector squared = gx * gx + gy * gy;
    store(magnitudes + x * lane_count, square_root(squared));
    smooth[0] = smooth[1];
    smooth[1] = smooth[2];
    slope[0] = slope[1];
    slope[1] = slope[2];
  }
}

template <class Vector>
SIRFP_INLINE void sobel_all(const float* above, const float* middle, const float* below, std::int64_t width, float* magnitudes) {
  for (std::int64_t lane = 0; lane < lane_count; lane += width_of<Vector>)
    sobel<Vector>(above + lane, middle + lane, below + lane, width, magnitudes + lane);
}

constexpr int chains = 4;  // independent sums, so that the latency of an addition is hidden

template <class Vector>
SIRFP_INLINE Vector sum_of(const Vector (&part)[chains]) noexcept {
  return (part[0] + part[1]) + (part[2] + part[3]);
}

// Two passes over at most 128 values: their mean, then what deviates from it. `lane`: the first channel of the strip.
template <class Vector>
SIRFP_INLINE void spread_run(const float* values, std::int64_t count, std::int64_t lane, running_spread& spread) {
  const std::int64_t whole = count / chains * chains;
  Vector sums[chains] = {};
  for (std::int64_t p = 0; p < whole; p += chains)
    for (int k = 0; k < chains; ++k) sums[k] += load<Vector>(values + (p + k) * lane_count);
  for (std::int64_t p = whole; p < count; ++p) sums[0] += load<Vector>(values + p * lane_count);
  const Vector about = sum_of(sums) * (1.0F / static_cast<float>(count));

  Vector rests[chains] = {};
  Vector squares[chains] = {};
  const auto deviate = [&](std::int64_t p, Vector & rest, Vector & square) __attribute__((always_inline)) {
    const Vector d = load<Vector>(values + p * lane_count) - about;
    rest += d;
    square += d * d;
  };
  for (std::int64_t p = 0; p < whole; p += chains)
    for (int k = 0; k < chains; ++k) deviate(p + k, rests[k], squares[k]);
  for (std::int64_t p = whole; p < count; ++p) deviate(p, rests[0], squares[0]);
  const Vector rest = sum_of(rests);
  const Vector square = sum_of(squares);

  const auto n = static_cast<double>(count);
  const double inverse = 1 / n;
  const double share = n / (spread.count + n);
  for (int l = 0; l < width_of<Vector>; ++l) {
    const auto residual = static_cast<double>(rest[l]);
    const double centred = static_cast<double>(square[l]) - residual * residual * inverse;
    const double step = static_cast<double>(about[l]) + residual * inverse - spread.mean[lane + l];
    spread.squares[lane + l] += std::max(centred, 0.0) + step * step * (spread.count * share);
    spread.mean[lane + l] += step * share;
  }
}

template <class Vector>
SIRFP_INLINE void spread_all(const float* values, std::int64_t pixels, running_spread& spread) {
  for (std::int64_t p = 0; p < pixels; p += 128) {
    const std::int64_t count = std::min<std::int64_t>(128, pixels - p);
    for (std::int64_t lane = 0; lane < lane_count; lane += width_of<Vector>)
      spread_run<Vector>(values + p * lane_count + lane, count, lane, spread);
    spread.count += static_cast<double>(count);
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): an attribute cannot stand in parentheses
#define SIRFP_EDGE_KERNELS(level, target)                                                                                \
  target void sobel_##level(const float* a, const float* m, const float* b, std::int64_t w, float* v) {                  \
    sobel_all<level##_vector>(a, m, b, w, v);                                                                            \
  }                                                                                                                      \
  target void spread_##level(const float* v, std::int64_t n, running_spread& s) { spread_all<level##_vector>(v, n, s); } \
  constexpr edge_kernels level##_kernels { sobel_##level, spread_##level }

SIRFP_KERNELS_BY_LEVEL(SIRFP_EDGE_KERNELS);
#undef SIRFP_EDGE_KERNELS
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace

const edge_kernels& edge_kernels_for(simd_level level) noexcept { return SIRFP_KERNELS_OF(level); }

}  // namespace sirfp
