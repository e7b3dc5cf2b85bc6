// The private Cholesky of core: against its definition, around the edges of its blocks, and bit for bit over thread counts.
#include "../../core/src/cholesky.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "support/joint_problem.hpp"

namespace sirfp {
namespace {

std::vector<double> random_definite(std::int64_t n) {
  std::mt19937_64 random(static_cast<std::uint64_t>(n));
  std::vector<double> matrix = test::random_gram(random, n, 2 * n);
  for (std::int64_t i = 0; i < n; ++i) matrix[static_cast<std::size_t>(i * (n + 1))] += 0.1;
  return matrix;
}

TEST(cholesky, factor_and_inverse_by_definition) {
  for (const std::int64_t n : {1, 2, 5, 95, 96, 97, 191, 192, 193, 290, 400}) {
    const std::vector<double> matrix = random_definite(n);
    const auto at = [&](std::int64_t i, std::int64_t j) { return static_cast<std::size_t>(j * n + i); };
    std::vector<double> result = matrix;
    ASSERT_TRUE(cholesky(result.data(), n)) << n;
    for (std::int64_t i = 0; i < n; i += 7)
      for (std::int64_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k <= j; ++k) sum += result[at(i, k)] * result[at(j, k)];
        ASSERT_NEAR(sum, matrix[at(i, j)], 1e-12) << n << ": " << i << ", " << j;
      }
    invert_from_cholesky(result.data(), n);
    for (std::int64_t i = 0; i < n; i += 5)
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < n; ++k) sum += matrix[at(i, k)] * result[k >= j ? at(k, j) : at(j, k)];
        ASSERT_NEAR(sum, i == j ? 1 : 0, 1e-10) << n << ": " << i << ", " << j;
      }
  }
}

TEST(cholesky, any_number_of_threads_gives_the_same_bits) {
  constexpr std::int64_t n = 500;
  std::vector<double> expected = random_definite(n);
  std::vector<double> got = expected;
  ASSERT_TRUE(cholesky(expected.data(), n));
  invert_from_cholesky(expected.data(), n);
  const auto threads = make_thread_pool(3);
  ASSERT_TRUE(cholesky(got.data(), n, threads.get()));
  invert_from_cholesky(got.data(), n, threads.get());
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = j; i < n; ++i)
      ASSERT_EQ(got[static_cast<std::size_t>(j * n + i)], expected[static_cast<std::size_t>(j * n + i)]) << i << ", " << j;
}

TEST(cholesky, an_indefinite_matrix_is_refused_and_a_singular_one_regularised) {
  for (const std::int64_t n : {1, 100, 250}) {
    std::vector<double> matrix = random_definite(n);
    matrix.back() = -1;
    EXPECT_FALSE(cholesky(matrix.data(), n)) << n;
    std::vector<double> ones(static_cast<std::size_t>(n * n));
    const regularisation used = regularised_cholesky(ones.data(), n, 1.0, 0.0, [&](double* lower) { std::fill_n(lower, n * n, 1.0); });
    EXPECT_LE(used.added(1), 1e-11) << n;
    for (std::int64_t i = 0; i < n; ++i) EXPECT_GT(ones[static_cast<std::size_t>(i * (n + 1))], 0) << n;
  }
}

}  // namespace
}  // namespace sirfp
