#include "sirfp/consumer_metric.hpp"

#include <cblas.h>

#include <cmath>
#include <vector>

#include "reference_backend.hpp"

namespace sirfp {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

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
double trace_product(const std::vector<double>& gram, const double* covariance, std::int64_t n) {
  double off_diagonal = 0;
  double diagonal = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) off_diagonal += gram[at(i * n + j)] * covariance[i * n + j];
    diagonal += gram[at(i * n + i)] * covariance[i * n + i];
  }
  return diagonal + 2 * off_diagonal;
}

}  // namespace

void reference_backend::covariance(const context&, const moments_state& site, double weight, buffer& square) const {
  const std::int64_t n = site.channels;
  const double scale = weight > 0 ? 1 / weight : 0;
  const double* packed = site.scatter.data();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) square.data()[i * n + j] = square.data()[j * n + i] = *packed++ * scale;
}

void reference_backend::add_consumer_metric(const context&, const consumer_weight& c, site_matrices& site) const {
  const std::int64_t n = c.inputs;
  std::vector<double> gram(at(n * n), 0.0);
  const std::vector<double> scaled = scaled_rows(c);
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, static_cast<int>(n), static_cast<int>(c.outputs * c.taps), 1.0, scaled.data(),
              static_cast<int>(n), 0.0, gram.data(), static_cast<int>(n));
  const double denominator = c.norm_gain.empty() ? trace_product(gram, site.covariance.data(), n) : 1;
  if (!(denominator > 0) || !std::isfinite(1 / denominator)) return;
  double* metric = site.metric.data();
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      const double value = gram[at(i * n + j)] / denominator;
      metric[i * n + j] += value;
      metric[j * n + i] += value;
    }
    metric[i * n + i] += gram[at(i * n + i)] / denominator;
  }
}

}  // namespace sirfp
