#include "sirfp/consumer_metric.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void check(const consumer_weight& c, std::span<const double> covariance, const std::vector<double>& metric) {
  SIRFP_EXPECTS(c.outputs >= 0 && c.inputs >= 0 && c.taps >= 0, "consumer weight of ", c.outputs, " x ", c.inputs, " x ", c.taps);
  SIRFP_EXPECTS(c.values.size() == at(c.outputs * c.inputs * c.taps), "consumer weight of ", c.outputs, " x ", c.inputs, " x ", c.taps,
                " with ", c.values.size(), " values");
  SIRFP_EXPECTS(c.norm_gain.empty() || c.norm_gain.size() == at(c.outputs), c.norm_gain.size(), " norm gains for ", c.outputs, " outputs");
  SIRFP_EXPECTS(covariance.size() == at(packed_size(c.inputs)), "covariance of ", covariance.size(), " entries for ", c.inputs,
                " channels");
  SIRFP_EXPECTS(metric.size() == at(c.inputs * c.inputs), "metric of ", metric.size(), " entries for ", c.inputs, " channels");
  const auto bad = std::find_if(c.values.begin(), c.values.end(), [](double v) { return !std::isfinite(v); });
  SIRFP_EXPECTS(bad == c.values.end(), "consumer weight element ", bad - c.values.begin(), " is not finite");
  const auto bad_gain = std::find_if(c.norm_gain.begin(), c.norm_gain.end(), [](double v) { return !std::isfinite(v); });
  SIRFP_EXPECTS(bad_gain == c.norm_gain.end(), "norm gain ", bad_gain - c.norm_gain.begin(),
                " is not finite (BatchNorm variance + eps is 0?)");
}

// Rows sqrt(gain_o) W[o, :, t], so that one symmetric product sums over outputs and taps.
std::vector<double> scaled_rows(const consumer_weight& c) {
  std::vector<double> rows(c.values.size());
  for (std::int64_t o = 0; o < c.outputs; ++o) {
    const double scale = c.norm_gain.empty() ? 1.0 : std::sqrt(c.norm_gain[at(o)]);
    for (std::int64_t i = 0; i < c.inputs; ++i)
      for (std::int64_t t = 0; t < c.taps; ++t)
        rows[at((o * c.taps + t) * c.inputs + i)] = scale * c.values[at((o * c.inputs + i) * c.taps + t)];
  }
  return rows;
}

// tr(G Sigma) from the lower triangles of both.
double trace_product(const std::vector<double>& gram, std::span<const double> covariance, std::int64_t n) {
  double off_diagonal = 0;
  double diagonal = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) off_diagonal += gram[at(i * n + j)] * covariance[at(packed_index(i, j))];
    diagonal += gram[at(i * n + i)] * covariance[at(packed_index(i, i))];
  }
  return diagonal + 2 * off_diagonal;
}

}  // namespace

void add_consumer_metric(const consumer_weight& c, std::span<const double> covariance, std::vector<double>& metric) {
  check(c, covariance, metric);
  const std::int64_t n = c.inputs;
  const std::int64_t rows = c.outputs * c.taps;
  if (n == 0 || rows == 0) return;
  std::vector<double> gram(at(n * n), 0.0);
  const std::vector<double> scaled = scaled_rows(c);
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, static_cast<int>(n), static_cast<int>(rows), 1.0, scaled.data(), static_cast<int>(n),
              0.0, gram.data(), static_cast<int>(n));
  const double denominator = c.norm_gain.empty() ? trace_product(gram, covariance, n) : 1;
  if (!(denominator > 0) || !std::isfinite(1 / denominator)) return;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      const double value = gram[at(i * n + j)] / denominator;
      metric[at(i * n + j)] += value;
      metric[at(j * n + i)] += value;
    }
    metric[at(i * n + i)] += gram[at(i * n + i)] / denominator;
  }
}

}  // namespace sirfp
