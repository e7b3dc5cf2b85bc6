// Factor and inverse by their definition: row-major, of the lower triangle alone. On a GPU this is cuSOLVER.
#include "device/dense_solver.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "device_array.hpp"
#include "support/joint_problem.hpp"

namespace sirfp::test {
namespace {

constexpr double unread = 1e300;  // stands above the diagonal

std::vector<double> definite(std::int64_t n) {
  std::mt19937_64 random(static_cast<std::uint64_t>(n));
  std::vector<double> matrix = random_gram(random, n, 2 * n);
  for (std::int64_t i = 0; i < n; ++i) {
    matrix[static_cast<std::size_t>(i * (n + 1))] += 0.1;
    for (std::int64_t j = i + 1; j < n; ++j) matrix[static_cast<std::size_t>(i * n + j)] = unread;
  }
  return matrix;
}

struct solved {
  std::int32_t failed;
  std::vector<double> factor, inverse;
};

solved solve(const std::vector<double>& matrix, std::int64_t n) {
  const device::dense_solver solver;
  const device_array<double> on_device(matrix, nullptr);
  const device_array<double> workspace(solver.workspace_doubles(n), nullptr);
  const device_array<std::int32_t> failed(1, nullptr);
  solver.cholesky(on_device.data(), n, workspace.data(), failed.data(), nullptr);
  solved found{failed.to_host_sync().front(), on_device.to_host_sync(), {}};
  solver.invert_from_cholesky(on_device.data(), n, workspace.data(), nullptr);
  found.inverse = on_device.to_host_sync();
  return found;
}

TEST(dense_solver, factor_and_inverse_by_definition) {
  for (const std::int64_t n : {1, 2, 5, 31, 33, 96, 129}) {
    const std::vector<double> matrix = definite(n);
    const auto at = [n](std::int64_t i, std::int64_t j) { return static_cast<std::size_t>(std::max(i, j) * n + std::min(i, j)); };
    const solved found = solve(matrix, n);
    EXPECT_EQ(found.failed, 0) << n;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j <= i; ++j) {
        double product = 0;
        for (std::int64_t k = 0; k <= j; ++k) product += found.factor[at(i, k)] * found.factor[at(j, k)];
        ASSERT_NEAR(product, matrix[at(i, j)], 1e-12) << n << ": " << i << ", " << j;
        double identity = 0;
        for (std::int64_t k = 0; k < n; ++k) identity += matrix[at(i, k)] * found.inverse[at(k, j)];
        ASSERT_NEAR(identity, i == j ? 1 : 0, 1e-10) << n << ": " << i << ", " << j;
      }
  }
}

TEST(dense_solver, rows_are_solved_for) {
  for (const std::int64_t n : {1, 5, 33, 129})
    for (const std::int64_t count : {1, 7}) {
      const std::vector<double> matrix = definite(n);
      std::mt19937_64 random(3);
      std::vector<double> x(static_cast<std::size_t>(count * n));
      for (double& value : x) value = std::normal_distribution<double>()(random);
      std::vector<double> rows(x.size(), 0.0);
      for (std::int64_t r = 0; r < count; ++r)
        for (std::int64_t i = 0; i < n; ++i)
          for (std::int64_t j = 0; j < n; ++j)
            rows[static_cast<std::size_t>(r * n + i)] +=
                matrix[static_cast<std::size_t>(std::max(i, j) * n + std::min(i, j))] * x[static_cast<std::size_t>(r * n + j)];
      const device::dense_solver solver;
      const device_array<double> factor(matrix, nullptr);
      const device_array<double> workspace(solver.workspace_doubles(n), nullptr);
      const device_array<std::int32_t> failed(1, nullptr);
      const device_array<double> solution(rows, nullptr);
      solver.cholesky(factor.data(), n, workspace.data(), failed.data(), nullptr);
      solver.solve_from_cholesky(factor.data(), n, solution.data(), count, workspace.data(), nullptr);
      const std::vector<double> found = solution.to_host_sync();
      // condition numbers below 1e4
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(found[i], x[i], 1e-9) << n << ", " << count << ": " << i;
    }
}

TEST(dense_solver, a_matrix_that_is_not_positive_definite_is_reported) {
  EXPECT_NE(solve({1, unread, 2, 1}, 2).failed, 0);
  EXPECT_NE(solve({0}, 1).failed, 0);
  EXPECT_NE(solve({-1}, 1).failed, 0);
}

}  // namespace
}  // namespace sirfp::test
