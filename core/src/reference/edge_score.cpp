#include "sirfp/edge_score.hpp"

#include <cmath>

#include "element.hpp"
#include "reference_backend.hpp"
#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

double padded(const feature_view& features, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
  const bool inside = y >= 0 && y < features.height && x >= 0 && x < features.width;
  return inside ? element(features, n, c, y, x) : 0.0;
}

double sobel_magnitude(const feature_view& features, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
  const auto at = [&](std::int64_t dy, std::int64_t dx) { return padded(features, n, c, y + dy, x + dx); };
  const double gx = 0.5 * (at(-1, 1) - at(-1, -1)) + (at(0, 1) - at(0, -1)) + 0.5 * (at(1, 1) - at(1, -1));
  const double gy = 0.5 * (at(1, -1) - at(-1, -1)) + (at(1, 0) - at(-1, 0)) + 0.5 * (at(1, 1) - at(-1, 1));
  return std::sqrt(gx * gx + gy * gy);
}

}  // namespace

void reference_backend::batch_edge_score(const context&, const feature_view& features, edge_state& batch) const {
  const auto pixels = static_cast<double>(features.pixels());
  for (std::int64_t n = 0; n < features.images; ++n)
    for (std::int64_t c = 0; c < features.channels; ++c) {
      std::vector<double> magnitudes;
      double sum = 0;
      double check = 0;  // a lone pixel has no weight in the kernels, but must be finite too
      for (std::int64_t y = 0; y < features.height; ++y)
        for (std::int64_t x = 0; x < features.width; ++x) {
          magnitudes.push_back(sobel_magnitude(features, n, c, y, x));
          sum += magnitudes.back();
          check += element(features, n, c, y, x);
        }
      if (!std::isfinite(check)) throw non_finite_error(n, c);
      double squares = 0;
      for (const double v : magnitudes) squares += (v - sum / pixels) * (v - sum / pixels);
      batch.sum.data()[c] += std::sqrt(squares / pixels);
    }
}

}  // namespace sirfp
