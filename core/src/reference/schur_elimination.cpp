// Computes: the joint elimination of METHOD 4 as it is written there, one update of P and M a removal, by plain loops.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../schur_block.hpp"
#include "../schur_positions.hpp"
#include "../schur_schedule.hpp"
#include "reference_backend.hpp"

namespace sirfp {
namespace {

struct matrix {
  std::size_t n = 0;
  std::vector<double> value;
  explicit matrix(std::size_t size) : n(size), value(size * size, 0.0) {}
  double& operator()(std::size_t i, std::size_t j) { return value[i * n + j]; }
  double operator()(std::size_t i, std::size_t j) const { return value[i * n + j]; }
};

matrix mirrored(const double* lower, std::size_t n) {
  matrix full(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) full(i, j) = full(j, i) = lower[i * n + j];
  return full;
}

// The inverse through L L^T; false when a pivot is not positive.
bool invert(const matrix& a, matrix& inverse) {
  const std::size_t n = a.n;
  matrix factor = a;
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j; i < n; ++i)
      for (std::size_t k = 0; k < j; ++k) factor(i, j) -= factor(i, k) * factor(j, k);
    if (!(factor(j, j) > 0)) return false;
    const double pivot = std::sqrt(factor(j, j));
    for (std::size_t i = j; i < n; ++i) factor(i, j) /= pivot;
  }
  for (std::size_t c = 0; c < n; ++c) {
    std::vector<double> x(n, 0.0);
    for (std::size_t i = c; i < n; ++i) {
      x[i] = i == c ? 1 : 0;
      for (std::size_t k = c; k < i; ++k) x[i] -= factor(i, k) * x[k];
      x[i] /= factor(i, i);
    }
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t k = i + 1; k < n; ++k) x[i] -= factor(k, i) * x[k];
      x[i] /= factor(i, i);
    }
    for (std::size_t i = 0; i < n; ++i) inverse(i, c) = x[i];
  }
  return true;
}

class site_state {
 public:
  site_state(const schur_site& site, double lambda)
      : precision_(static_cast<std::size_t>(site.positions)),
        metric_(mirrored(site.metric, precision_.n)),
        floor_(precision_.n),
        alive_(precision_.n, 1),
        occurrences_(schur_occurrences(site.channel)) {
    const std::size_t n = precision_.n;
    double mean_diagonal = 0;
    for (std::size_t i = 0; i < n; ++i) mean_diagonal += site.covariance[i * n + i] / static_cast<double>(n);
    if (!(mean_diagonal > 0)) return;
    varies_ = true;
    mean_diagonal = std::frexp(mean_diagonal, &exponent_);
    matrix covariance = mirrored(site.covariance, n);
    for (double& value : covariance.value) value = std::ldexp(value, -exponent_);
    for (std::size_t i = 0; i < covariance.value.size(); ++i) total_ += covariance.value[i] * metric_.value[i];
    total_ = std::ldexp(std::max(0.0, total_), exponent_);
    double common = lambda * mean_diagonal;
    double relative = static_cast<double>(n) * std::numeric_limits<double>::epsilon();
    for (;;) {
      matrix regularised = covariance;
      for (std::size_t i = 0; i < n; ++i) {
        regularised(i, i) += std::max(common, relative * covariance(i, i));
        floor_[i] = 1 / regularised(i, i);
      }
      if (invert(regularised, precision_)) break;
      common = std::max(10 * common, std::numeric_limits<double>::epsilon() * mean_diagonal);
      relative *= 10;
    }
  }

  double total() const { return total_; }
  const std::vector<schur_occurrence>& occurrences() const { return occurrences_; }

  double cost(const schur_occurrence& of) { return varies_ ? std::ldexp(block(of).cost(), exponent_) : 0; }

  // p = P[:,J] P_JJ^-1, q = M[:,J]:  P -= p P_JJ p^T,  M -= q p^T + p q^T - p M_JJ p^T
  void remove(const schur_occurrence& of) {
    if (!varies_) return;
    const std::size_t n = precision_.n;
    const schur_block at = block(of);
    const std::size_t m = of.positions.size();
    std::vector<double> root(n * m), p(n * m), v(n * m);  // P[:,J] L^-T,  P[:,J] P_JJ^-1,  q - p M_JJ / 2
    for (std::size_t i = 0; i < n; ++i) {
      if (alive_[i] == 0) continue;
      for (std::size_t a = 0; a < m; ++a) {
        root[i * m + a] = precision_(i, static_cast<std::size_t>(of.positions[a]));
        v[i * m + a] = metric_(i, static_cast<std::size_t>(of.positions[a]));
      }
      at.transform_row(&root[i * m], &p[i * m], &v[i * m], 1);
    }
    for (const std::int64_t j : of.positions) alive_[static_cast<std::size_t>(j)] = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (alive_[i] == 0) continue;
      for (std::size_t j = 0; j < n; ++j) {
        if (alive_[j] == 0) continue;
        for (std::size_t a = 0; a < m; ++a) {
          precision_(i, j) -= root[i * m + a] * root[j * m + a];
          metric_(i, j) -= v[i * m + a] * p[j * m + a] + p[i * m + a] * v[j * m + a];
        }
      }
    }
  }

 private:
  schur_block block(const schur_occurrence& of) {
    const auto size = static_cast<std::int64_t>(of.positions.size());
    block_.resize(std::max<std::size_t>(block_.size(), static_cast<std::size_t>(schur_block::doubles(size))));
    schur_block made(size, block_.data());
    for (std::int64_t a = 0; a < size; ++a) {
      const auto i = static_cast<std::size_t>(of.positions[static_cast<std::size_t>(a)]);
      for (std::int64_t b = 0; b <= a; ++b) {
        const auto j = static_cast<std::size_t>(of.positions[static_cast<std::size_t>(b)]);
        made.precision(a, b) = precision_(i, j);
        made.metric(a, b) = made.metric(b, a) = metric_(i, j);
      }
      made.floor(a) = floor_[i];
    }
    made.factorise();
    return made;
  }

  matrix precision_, metric_;
  std::vector<double> floor_;
  std::vector<std::uint8_t> alive_;
  std::vector<schur_occurrence> occurrences_;
  std::vector<double> block_;
  double total_ = 0;
  int exponent_ = 0;     // the covariance is scaled by 2^-exponent_ to a mean variance near 1, since variances may be denormal
  bool varies_ = false;  // false: the covariance is zero and nothing costs anything
};

}  // namespace

schur_elimination reference_backend::eliminate_joint(const context&, std::int64_t channels, std::span<const schur_site> sites,
                                                     const schur_options& options) const {
  schur_elimination result;
  std::vector<site_state> states;
  for (const schur_site& site : sites) states.emplace_back(site, options.lambda);
  for (const site_state& state : states) result.total.push_back(state.total());
  schur_schedule schedule(channels, options);
  for (;;) {
    std::vector<double> cost(static_cast<std::size_t>(channels), 0.0), relative(cost);
    for (site_state& state : states)
      for (const schur_occurrence& of : state.occurrences()) {
        const double here = state.cost(of);
        cost[static_cast<std::size_t>(of.channel)] += here;
        if (here > 0)
          relative[static_cast<std::size_t>(of.channel)] = std::max(relative[static_cast<std::size_t>(of.channel)], here / state.total());
      }
    const std::int32_t chosen = schedule.next(cost, relative);
    if (chosen < 0) return result;
    result.order.push_back(chosen);
    result.costs.push_back(cost[static_cast<std::size_t>(chosen)]);
    for (site_state& state : states)
      for (const schur_occurrence& of : state.occurrences())
        if (of.channel == chosen) state.remove(of);
  }
}

}  // namespace sirfp
