#include "sirfp/compensation.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "blas_threads.hpp"
#include "cholesky.hpp"
#include "sirfp/expects.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

void expect_usable(const moments& site, std::span<const std::uint8_t> kept_position, double lambda) {
  const std::int64_t n = site.channels;
  SIRFP_EXPECTS(n >= 0 && static_cast<std::int64_t>(kept_position.size()) == n, "kept positions: ", kept_position.size(),
                " given, expected one for each of ", n, " channels");
  SIRFP_EXPECTS(static_cast<std::int64_t>(site.mean.size()) == n, "mean of the site: ", site.mean.size(), " numbers, expected ", n);
  SIRFP_EXPECTS(static_cast<std::int64_t>(site.covariance.size()) == packed_size(n), "covariance of the site: ", site.covariance.size(),
                " numbers, expected ", packed_size(n));
  SIRFP_EXPECTS(std::isfinite(lambda) && lambda >= 0, "lambda: ", lambda, ", expected a finite number, not negative");
  for (std::int64_t i = 0; i < n; ++i) {
    SIRFP_EXPECTS(std::isfinite(site.mean[static_cast<std::size_t>(i)]), "mean of channel ", i, " is ",
                  site.mean[static_cast<std::size_t>(i)], ", expected a finite number");
    for (std::int64_t j = 0; j <= i; ++j) {
      const double value = site.covariance[static_cast<std::size_t>(packed_index(i, j))];
      SIRFP_EXPECTS(std::isfinite(value) && (i != j || value >= 0), "covariance of channels ", i, " and ", j, " is ", value,
                    i == j ? ", expected a finite number, not negative" : ", expected a finite number");
    }
  }
}

// matrix = Sigma_RK (Sigma_KK + r)^-1: a row of it is a column of the transposed system, so the right sides lie ready in row-major order.
void solve_matrix(const moments& site, double lambda, site_prediction& prediction) {
  const auto channels = static_cast<double>(site.channels);
  double mean_diagonal = 0;
  for (std::int64_t i = 0; i < site.channels; ++i)
    mean_diagonal += site.covariance[static_cast<std::size_t>(packed_index(i, i))] / channels;
  const auto kept = static_cast<std::int64_t>(prediction.kept.size());
  const auto removed = static_cast<std::int64_t>(prediction.removed.size());
  if (mean_diagonal == 0 || kept == 0 || removed == 0) return;

  int exponent =
      0;  // numbers near the end of the range (variances may be denormal) are brought to the middle; powers of two change no digit
  mean_diagonal = std::frexp(mean_diagonal, &exponent);
  const auto covariance = [&](std::int32_t i, std::int32_t j) {
    return std::ldexp(site.covariance[static_cast<std::size_t>(packed_index(i, j))], -exponent);
  };
  const single_threaded_blas guard;
  std::vector<double> factor(static_cast<std::size_t>(kept * kept));
  regularised_cholesky(factor.data(), kept, mean_diagonal, lambda, [&](double* matrix) {
    for (std::int64_t j = 0; j < kept; ++j)
      for (std::int64_t i = j; i < kept; ++i)
        matrix[j * kept + i] = covariance(prediction.kept[static_cast<std::size_t>(i)], prediction.kept[static_cast<std::size_t>(j)]);
  });
  auto value = prediction.matrix.begin();
  for (const std::int32_t r : prediction.removed)
    for (const std::int32_t k : prediction.kept) *value++ = covariance(r, k);
  for (const CBLAS_TRANSPOSE side : {CblasNoTrans, CblasTrans})
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, side, CblasNonUnit, static_cast<blasint>(kept), static_cast<blasint>(removed), 1,
                factor.data(), static_cast<blasint>(kept), prediction.matrix.data(), static_cast<blasint>(kept));
}

}  // namespace

site_prediction predict_removed(const moments& site, std::span<const std::uint8_t> kept_position, compensation how, double lambda) {
  expect_usable(site, kept_position, lambda);
  site_prediction prediction;
  for (std::size_t i = 0; i < kept_position.size(); ++i)
    (kept_position[i] != 0 ? prediction.kept : prediction.removed).push_back(static_cast<std::int32_t>(i));
  const std::size_t kept = prediction.kept.size();
  prediction.matrix.assign(kept * prediction.removed.size(), 0.0);
  prediction.offset.assign(prediction.removed.size(), 0.0);
  if (how == compensation::none) return prediction;
  if (how == compensation::least_squares) solve_matrix(site, lambda, prediction);
  for (std::size_t r = 0; r < prediction.removed.size(); ++r) {
    double offset = site.mean[static_cast<std::size_t>(prediction.removed[r])];
    for (std::size_t k = 0; k < kept; ++k)
      offset -= prediction.matrix[r * kept + k] * site.mean[static_cast<std::size_t>(prediction.kept[k])];
    prediction.offset[r] = offset;
  }
  return prediction;
}

std::vector<double> fold_prediction(const site_prediction& prediction, std::span<double> weight, std::int64_t outputs, std::int64_t inputs,
                                    std::int64_t taps) {
  const auto kept = static_cast<std::int64_t>(prediction.kept.size());
  const auto removed = static_cast<std::int64_t>(prediction.removed.size());
  SIRFP_EXPECTS(outputs >= 0 && inputs >= 0 && taps >= 0 && static_cast<std::int64_t>(weight.size()) == outputs * inputs * taps,
                "weight: ", weight.size(), " numbers, expected ", outputs, " outputs x ", inputs, " inputs x ", taps, " taps");
  SIRFP_EXPECTS(kept + removed == inputs, "prediction of ", kept + removed, " channels, expected the weight's ", inputs, " inputs");
  SIRFP_EXPECTS(static_cast<std::int64_t>(prediction.matrix.size()) == kept * removed &&
                    static_cast<std::int64_t>(prediction.offset.size()) == removed,
                "prediction of ", removed, " removed from ", kept, " kept channels: matrix of ", prediction.matrix.size(), ", offset of ",
                prediction.offset.size());
  std::vector<double> bias(static_cast<std::size_t>(outputs), 0.0);
  if (removed == 0 || taps == 0) return bias;

  const single_threaded_blas guard;
  constexpr std::int64_t rows_at_once = 1024;
  const std::int64_t step = std::max<std::int64_t>(1, rows_at_once / taps);  // outputs whose taps are multiplied together
  std::vector<double> taken(static_cast<std::size_t>(std::min(step, outputs) * taps * removed));
  std::vector<double> folded(static_cast<std::size_t>(std::min(step, outputs) * taps * kept));
  for (std::int64_t first = 0; first < outputs; first += step) {
    const std::int64_t last = std::min(outputs, first + step);
    const auto at = [&](std::int64_t output, std::int32_t input, std::int64_t tap) -> double& {
      return weight[static_cast<std::size_t>((output * inputs + input) * taps + tap)];
    };
    auto from = taken.begin();
    for (std::int64_t o = first; o < last; ++o)
      for (std::int64_t t = 0; t < taps; ++t)
        for (std::int64_t r = 0; r < removed; ++r) {
          *from = at(o, prediction.removed[static_cast<std::size_t>(r)], t);
          bias[static_cast<std::size_t>(o)] += *from++ * prediction.offset[static_cast<std::size_t>(r)];
        }
    if (kept == 0) continue;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>((last - first) * taps), static_cast<blasint>(kept),
                static_cast<blasint>(removed), 1, taken.data(), static_cast<blasint>(removed), prediction.matrix.data(),
                static_cast<blasint>(kept), 0, folded.data(), static_cast<blasint>(kept));
    auto add = folded.begin();
    for (std::int64_t o = first; o < last; ++o)
      for (std::int64_t t = 0; t < taps; ++t)
        for (const std::int32_t k : prediction.kept) at(o, k, t) += *add++;
  }
  return bias;
}

}  // namespace sirfp
