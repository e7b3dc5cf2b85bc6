// METHOD 8: the error of a symmetric matrix is measured against sqrt(diag_i diag_j).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "sirfp/packed.hpp"

namespace sirfp::test {

struct packed_error {
  double worst = 0;
  std::int64_t row = 0, column = 0;
};

// Where the exact diagonal is 0 (a zero or constant channel), `tiny` stands for it.
inline packed_error error_of(const std::vector<double>& got, const std::vector<double>& exact, std::int64_t n,
                             double tiny = std::numeric_limits<double>::min()) {
  packed_error found;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      const auto value = [](const std::vector<double>& m, std::int64_t a, std::int64_t b) {
        return m[static_cast<std::size_t>(packed_index(a, b))];
      };
      const double unit = std::sqrt(std::max(value(exact, i, i), tiny)) * std::sqrt(std::max(value(exact, j, j), tiny));
      const double error = std::abs(value(got, i, j) - value(exact, i, j)) / unit;
      if (!(error <= found.worst)) found = {error, i, j};  // a NaN is the worst of all
      if (std::isnan(error)) return {std::numeric_limits<double>::infinity(), i, j};
    }
  return found;
}

}  // namespace sirfp::test
