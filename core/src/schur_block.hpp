// The few positions J of one channel in one site: the small matrices P_JJ and M_JJ, and what removing them together costs.
#pragma once

#include <cmath>
#include <cstdint>

#include "also_device.hpp"

namespace sirfp {

// Of a channel with one position: M_jj / P_jj. `floor` as below.
SIRFP_ALSO_DEVICE inline double schur_cost(double precision, double metric, double floor) {
  const double cost = metric / (precision < floor ? floor : precision);
  return cost > 0 ? cost : 0;
}

// P_JJ^-1 is the regularised covariance of J that the others leave unexplained. Its pivots 1 / P_jj are at most Sigma_jj + r_j in exact
// arithmetic; `floor` = 1 / (Sigma_jj + r_j) holds rounding to that, so that a cancelled P gives neither a NaN nor a negative cost.
// Lives in the caller's memory, from which another one can be made later.
class schur_block {
 public:
  static constexpr std::int64_t doubles(std::int64_t size) { return 4 * size * size + size; }

  SIRFP_ALSO_DEVICE schur_block(std::int64_t size, double* memory) : size_(size), memory_(memory) {}

  SIRFP_ALSO_DEVICE std::int64_t size() const { return size_; }
  SIRFP_ALSO_DEVICE double& precision(std::int64_t a, std::int64_t b) { return memory_[a * size_ + b]; }  // P_JJ, a >= b
  SIRFP_ALSO_DEVICE double& metric(std::int64_t a, std::int64_t b) { return memory_[(size_ + a) * size_ + b]; }
  SIRFP_ALSO_DEVICE double metric(std::int64_t a, std::int64_t b) const { return memory_[(size_ + a) * size_ + b]; }
  SIRFP_ALSO_DEVICE double& floor(std::int64_t a) { return memory_[2 * size_ * size_ + a]; }
  // L, P_JJ = L L^T, once factorise() has made it.
  SIRFP_ALSO_DEVICE double& factor(std::int64_t a, std::int64_t b) { return memory_[(2 * size_ + 1 + a) * size_ + b]; }
  SIRFP_ALSO_DEVICE double factor(std::int64_t a, std::int64_t b) const { return memory_[(2 * size_ + 1 + a) * size_ + b]; }

  SIRFP_ALSO_DEVICE void factorise() {
    for (std::int64_t a = 0; a < size_; ++a)
      for (std::int64_t b = 0; b <= a; ++b) factor(a, b) = precision(a, b);
    for (std::int64_t b = 0; b < size_; ++b) {
      const double pivot = sqrt(factor(b, b) < floor(b) ? floor(b) : factor(b, b));
      factor(b, b) = pivot;
      for (std::int64_t a = b + 1; a < size_; ++a) factor(a, b) /= pivot;
      for (std::int64_t a = b + 1; a < size_; ++a)
        for (std::int64_t c = b + 1; c <= a; ++c) factor(a, c) -= factor(a, b) * factor(c, b);
    }
  }

  // tr(M_JJ P_JJ^-1) = tr(L^-1 M_JJ L^-T), clamped at 0.
  SIRFP_ALSO_DEVICE double cost() {
    for (std::int64_t c = 0; c < size_; ++c)
      for (std::int64_t a = 0; a < size_; ++a) {  // columns: L^-1 M
        double sum = metric(a, c);
        for (std::int64_t b = 0; b < a; ++b) sum -= factor(a, b) * solved(b, c);
        solved(a, c) = sum / factor(a, a);
      }
    double trace = 0;
    for (std::int64_t r = 0; r < size_; ++r)  // rows: the same again from the right; only the diagonal is wanted
      for (std::int64_t a = 0; a <= r; ++a) {
        double sum = solved(r, a);
        for (std::int64_t b = 0; b < a; ++b) sum -= factor(a, b) * solved(r, b);
        solved(r, a) = sum / factor(a, a);
        if (a == r) trace += solved(r, a);
      }
    return trace > 0 ? trace : 0;
  }

  // A row of P[:,J] in `root` and of M[:,J] in `v` become rows of U = P[:,J] L^-T, p = U L^-1 and v = M[:,J] - p M_JJ / 2.
  SIRFP_ALSO_DEVICE void transform_row(double* root, double* p, double* v, std::int64_t stride) const {
    for (std::int64_t a = 0; a < size_; ++a) {
      double sum = root[a * stride];
      for (std::int64_t b = 0; b < a; ++b) sum -= root[b * stride] * factor(a, b);
      root[a * stride] = sum / factor(a, a);
    }
    for (std::int64_t a = size_; a-- > 0;) {
      double sum = root[a * stride];
      for (std::int64_t b = a + 1; b < size_; ++b) sum -= p[b * stride] * factor(b, a);
      p[a * stride] = sum / factor(a, a);
    }
    for (std::int64_t a = 0; a < size_; ++a) {
      double sum = v[a * stride];
      for (std::int64_t b = 0; b < size_; ++b) sum -= p[b * stride] * metric(a, b) / 2;
      v[a * stride] = sum;
    }
  }

 private:
  SIRFP_ALSO_DEVICE double& solved(std::int64_t a, std::int64_t b) { return memory_[(3 * size_ + 1 + a) * size_ + b]; }

  std::int64_t size_;
  double* memory_;
};

}  // namespace sirfp
