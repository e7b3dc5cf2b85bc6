// The few positions J of one channel in one site: the small matrices P_JJ and M_JJ, and what removing them together costs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace sirfp {

// P_JJ^-1 is the regularised covariance of J that the others leave unexplained. Its pivots 1 / P_jj are at most Sigma_jj + r_j in exact
// arithmetic; `floor` = 1 / (Sigma_jj + r_j) holds rounding to that, so that a cancelled P gives neither a NaN nor a negative cost.
class schur_block {
 public:
  // Fills with precision(a, b) = P and metric(a, b) = M for a >= b, floor(a).
  template <class Precision, class Metric, class Floor>
  void set(std::size_t size, Precision&& precision, Metric&& metric, Floor&& floor) {
    size_ = size;
    factor_.resize(size * size);
    metric_.resize(size * size);
    for (std::size_t a = 0; a < size; ++a)
      for (std::size_t b = 0; b <= a; ++b) {
        metric_[a * size + b] = metric_[b * size + a] = metric(a, b);
        factor_[a * size + b] = precision(a, b);
      }
    for (std::size_t b = 0; b < size; ++b) {
      const double pivot = std::sqrt(std::max(factor_[b * size + b], floor(b)));
      factor_[b * size + b] = pivot;
      for (std::size_t a = b + 1; a < size; ++a) factor_[a * size + b] /= pivot;
      for (std::size_t a = b + 1; a < size; ++a)
        for (std::size_t c = b + 1; c <= a; ++c) factor_[a * size + c] -= factor_[a * size + b] * factor_[c * size + b];
    }
  }

  std::size_t size() const { return size_; }
  double factor(std::size_t a, std::size_t b) const { return factor_[a * size_ + b]; }  // L, P_JJ = L L^T
  double metric(std::size_t a, std::size_t b) const { return metric_[a * size_ + b]; }

  // tr(M_JJ P_JJ^-1) = tr(L^-1 M_JJ L^-T), clamped at 0.
  double cost() {
    solved_ = metric_;
    for (std::size_t c = 0; c < size_; ++c)
      for (std::size_t a = 0; a < size_; ++a) {  // columns: L^-1 M
        for (std::size_t b = 0; b < a; ++b) solved_[a * size_ + c] -= factor(a, b) * solved_[b * size_ + c];
        solved_[a * size_ + c] /= factor(a, a);
      }
    double trace = 0;
    for (std::size_t r = 0; r < size_; ++r)  // rows: the same again from the right; only the diagonal is wanted
      for (std::size_t a = 0; a <= r; ++a) {
        for (std::size_t b = 0; b < a; ++b) solved_[r * size_ + a] -= factor(a, b) * solved_[r * size_ + b];
        solved_[r * size_ + a] /= factor(a, a);
        if (a == r) trace += solved_[r * size_ + a];
      }
    return std::max(0.0, trace);
  }

 private:
  std::size_t size_ = 0;
  std::vector<double> factor_, metric_, solved_;
};

}  // namespace sirfp
