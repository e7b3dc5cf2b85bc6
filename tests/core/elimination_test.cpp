#include "sirfp/elimination.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "sirfp/expects.hpp"
#include "support/backends.hpp"
#include "support/symmetric_matrix.hpp"

namespace sirfp {
namespace {

using test::all_backends;
using test::filling;
using test::fillings;
using test::make_symmetric;
using test::named_context;
using test::random_symmetric;
using test::symmetric_matrix;

elimination eliminate_one(const context& ctx, const redundancy_matrix& matrix) { return eliminate(ctx, {&matrix, 1}).front(); }

void expect_same(const elimination& got, const elimination& expected, const std::string& where) {
  EXPECT_EQ(got.order, expected.order) << where;
  EXPECT_EQ(got.marginals, expected.marginals) << where;
  EXPECT_EQ(got.curve, expected.curve) << where;
}

// The authors' loop in exact arithmetic: row sums of what is alive, anew at every step, in integers found independently of ours.
template <class T>
elimination authors_loop(const symmetric_matrix<T>& matrix) {
  const std::int64_t channels = matrix.channels;
  long double largest = 0;
  for (std::int64_t i = 0; i < channels; ++i)
    for (std::int64_t j = 0; j < channels; ++j) largest = std::max(largest, std::fabs(static_cast<long double>(matrix.at(i, j))));
  int exponent = 40;  // of a zero matrix, where any will do
  if (largest > 0) {
    exponent = -1200;
    while (static_cast<long double>(channels) * largest > std::ldexp(1.0L, exponent)) ++exponent;
  }
  const auto entry = [&](std::int64_t i, std::int64_t j) {
    return std::llrint(std::ldexp(std::fabs(static_cast<long double>(matrix.at(i, j))), 40 - exponent));
  };
  const auto value = [&](long long fixed) { return static_cast<double>(std::ldexp(static_cast<long double>(fixed), exponent - 40)); };
  std::vector<std::int64_t> alive(static_cast<std::size_t>(channels));
  std::iota(alive.begin(), alive.end(), std::int64_t{0});
  elimination result;
  while (true) {
    long long total = 0;
    long long worst = -1;
    std::size_t at = 0;
    for (std::size_t a = 0; a < alive.size(); ++a) {
      long long degree = 0;
      for (const std::int64_t other : alive) degree += entry(alive[a], other);
      total += degree;
      if (degree > worst) worst = degree, at = a;
    }
    result.curve.push_back(value(total));
    if (alive.empty()) return result;
    result.order.push_back(static_cast<std::int32_t>(alive[at]));
    result.marginals.push_back(value(worst));
    alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

template <class T>
void compare_with_authors(int seeds) {
  const context reference = reference_context();
  const context cpu = cpu_context(make_thread_pool(1));
  for (int seed = 0; seed < seeds; ++seed) {
    const auto how = static_cast<filling>(seed % fillings);
    const std::int64_t channels = 1 + (seed * 7) % 23;
    const auto matrix = random_symmetric<T>(static_cast<std::uint64_t>(seed), channels, how, seed % 3);
    const elimination expected = authors_loop(matrix);
    const std::string where = text("seed ", seed, ", ", channels, " channels, filling ", static_cast<int>(how));
    expect_same(eliminate_one(reference, matrix.view()), expected, "reference, " + where);
    expect_same(eliminate_one(cpu, matrix.view()), expected, "cpu, " + where);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(elimination, equals_the_authors_loop_in_exact_arithmetic_float) { compare_with_authors<float>(4000); }
TEST(elimination, equals_the_authors_loop_in_exact_arithmetic_double) { compare_with_authors<double>(4000); }

TEST(elimination, backends_and_thread_counts_agree_bit_for_bit) {
  std::vector<symmetric_matrix<float>> floats;
  std::vector<symmetric_matrix<double>> doubles;
  std::uint64_t seed = 0;
  for (const std::int64_t channels : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 129, 200, 300})
    for (int how = 0; how < fillings; ++how) {
      floats.push_back(random_symmetric<float>(++seed, channels, static_cast<filling>(how), how % 4));
      doubles.push_back(random_symmetric<double>(++seed, channels, static_cast<filling>(how), how % 4));
    }
  std::vector<redundancy_matrix> batch;
  for (const auto& matrix : floats) batch.push_back(matrix.view());
  for (const auto& matrix : doubles) batch.push_back(matrix.view());
  const auto expected = eliminate(reference_context(), batch);
  std::vector<named_context> backends = all_backends();
  for (const int threads : {1, 3}) backends.push_back(test::cpu_at(best_simd_level(), threads));
  for (const named_context& backend : backends) {
    const auto got = eliminate(backend.ctx, batch);
    for (std::size_t m = 0; m < batch.size(); ++m) expect_same(got[m], expected[m], text("matrix ", m, ", ", backend.name));
  }
}

// One launch for many small matrices: what the queue of the cuda backend is for.
TEST(elimination, a_batch_equals_the_authors_loops) {
  std::vector<symmetric_matrix<float>> matrices;
  std::vector<redundancy_matrix> batch;
  std::vector<elimination> expected;
  for (int seed = 0; seed < 300; ++seed)
    matrices.push_back(
        random_symmetric<float>(static_cast<std::uint64_t>(seed), (seed * 7) % 41, static_cast<filling>(seed % fillings), seed % 3));
  for (const auto& matrix : matrices) {
    batch.push_back(matrix.view());
    expected.push_back(authors_loop(matrix));
  }
  for (const named_context& backend : all_backends()) {
    const auto got = eliminate(backend.ctx, batch);
    for (std::size_t m = 0; m < batch.size(); ++m) expect_same(got[m], expected[m], text(backend.name, ", seed ", m));
  }
}

TEST(elimination, marginals_never_increase_and_the_curve_falls_to_zero) {
  const context cpu = cpu_context(make_thread_pool(1));
  for (int seed = 0; seed < 300; ++seed) {
    const auto matrix = random_symmetric<float>(static_cast<std::uint64_t>(seed), 1 + seed % 90, static_cast<filling>(seed % fillings));
    const elimination found = eliminate_one(cpu, matrix.view());
    for (std::size_t t = 1; t < found.marginals.size(); ++t)
      ASSERT_LE(found.marginals[t], found.marginals[t - 1]) << "seed " << seed << ", step " << t;
    for (std::size_t t = 1; t < found.curve.size(); ++t) ASSERT_LE(found.curve[t], found.curve[t - 1]) << "seed " << seed << ", step " << t;
    EXPECT_EQ(found.curve.back(), 0) << "seed " << seed;
  }
}

TEST(elimination, permuting_the_channels_permutes_the_order) {
  const context cpu = cpu_context(make_thread_pool(1));
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::int64_t channels = 2 + static_cast<std::int64_t>(seed % 70);
    const auto matrix = random_symmetric<double>(seed, channels, filling::signed_uniform);  // no ties
    std::vector<std::int32_t> moved(static_cast<std::size_t>(channels));
    std::iota(moved.begin(), moved.end(), 0);
    std::shuffle(moved.begin(), moved.end(), std::mt19937_64(seed));
    const auto permuted = make_symmetric<double>(channels, 0, [&](std::int64_t i, std::int64_t j) {
      return matrix.at(moved[static_cast<std::size_t>(i)], moved[static_cast<std::size_t>(j)]);
    });
    const elimination expected = eliminate_one(cpu, matrix.view());
    elimination got = eliminate_one(cpu, permuted.view());
    for (std::int32_t& channel : got.order) channel = moved[static_cast<std::size_t>(channel)];
    expect_same(got, expected, text("seed ", seed));
    if (HasFailure()) return;
  }
}

// Least redundancy of any k channels, by trying all; greedy cannot be below it, and ends between the best and the worst set.
TEST(elimination, greedy_lies_between_the_exact_optimum_and_the_worst_set) {
  const context cpu = cpu_context(make_thread_pool(1));
  int proper = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const int channels = 2 + static_cast<int>(seed % 11);
    const auto matrix = random_symmetric<double>(seed, channels, filling::few_levels);  // sums are exact
    std::vector<double> best(static_cast<std::size_t>(channels) + 1, std::numeric_limits<double>::infinity());
    std::vector<double> worst(best.size(), -1);
    for (std::uint32_t set = 0; set < (1u << channels); ++set) {
      double total = 0;
      for (int i = 0; i < channels; ++i)
        for (int j = 0; j < channels; ++j)
          if ((set >> i & 1u) != 0 && (set >> j & 1u) != 0) total += std::abs(matrix.at(i, j));
      const auto size = static_cast<std::size_t>(std::popcount(set));
      best[size] = std::min(best[size], total);
      worst[size] = std::max(worst[size], total);
    }
    const elimination found = eliminate_one(cpu, matrix.view());
    for (std::size_t kept = 0; kept < best.size(); ++kept) {
      const double greedy = found.curve[best.size() - 1 - kept];
      EXPECT_GE(greedy, best[kept]) << "seed " << seed << ", " << kept << " kept";
      EXPECT_LE(greedy, worst[kept]) << "seed " << seed << ", " << kept << " kept";
      proper += greedy < worst[kept] ? 1 : 0;
    }
  }
  EXPECT_GT(proper, 200);  // the bound above is no accident of equal sets
}

TEST(elimination, equal_channels_go_in_index_order) {
  for (const named_context& backend : all_backends())
    for (const filling how : {filling::all_equal, filling::all_zero}) {
      const elimination found = eliminate_one(backend.ctx, random_symmetric<float>(1, 37, how).view());
      for (std::int32_t t = 0; t < 37; ++t) EXPECT_EQ(found.order[static_cast<std::size_t>(t)], t) << backend.name;
    }
}

TEST(elimination, the_largest_and_the_smallest_numbers_keep_their_order) {
  const std::vector<named_context> backends = all_backends();
  for (const double unit : {5e-324, 1e-310, 1e-300, 1e-150, 1.0, 1e150, 1e300}) {
    const auto matrix =
        make_symmetric<double>(9, 0, [&](std::int64_t i, std::int64_t j) { return unit * static_cast<double>(1 + i * 3 + j); });
    const elimination expected = authors_loop(matrix);
    for (const named_context& backend : backends)
      expect_same(eliminate_one(backend.ctx, matrix.view()), expected, text(backend.name, ", unit ", unit));
    EXPECT_EQ(expected.order.front(), 8) << unit;
  }
  for (const float unit : {1e-45f, 1e-40f, 1e-30f, 1e30f}) {
    const auto matrix =
        make_symmetric<float>(11, 1, [&](std::int64_t i, std::int64_t j) { return unit * static_cast<float>(1 + i * 3 + j); });
    for (const named_context& backend : backends)
      expect_same(eliminate_one(backend.ctx, matrix.view()), authors_loop(matrix), text(backend.name, ", float unit ", unit));
  }
}

// C max exactly a power of two, and one bit above it: the scale must change between the two.
TEST(elimination, the_scale_is_the_least_that_holds) {
  const std::vector<named_context> backends = all_backends();
  for (const std::int64_t channels : {1, 2, 3, 5, 8, 12, 16})
    for (const double largest : {1.0, std::nextafter(1.0, 2.0), 4.0 / 3.0, std::nextafter(2.0, 0.0), 0.7}) {
      const auto matrix =
          make_symmetric<double>(channels, 0, [&](std::int64_t i, std::int64_t j) { return i == j ? largest : 0.1 * largest; });
      for (const named_context& backend : backends)
        expect_same(eliminate_one(backend.ctx, matrix.view()), authors_loop(matrix),
                    text(backend.name, ", ", channels, " channels, ", largest));
    }
}

std::string error_of(const context& ctx, std::span<const redundancy_matrix> batch) {
  try {
    eliminate(ctx, batch);
  } catch (const invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

TEST(elimination, bad_input_is_named) {
  const auto good = random_symmetric<float>(1, 100, filling::signed_uniform, 3);
  for (const named_context& backend : all_backends()) {
    const context& ctx = backend.ctx;
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
      for (const auto& [i, j] : {std::pair{0, 0}, {3, 99}, {99, 3}, {70, 70}, {99, 99}, {65, 66}}) {
        auto broken = good;
        broken.at(i, j) = bad;
        const redundancy_matrix batch[] = {good.view(), broken.view(), good.view()};
        EXPECT_EQ(error_of(ctx, batch), text("redundancy matrix 1: entry (", i, ", ", j, ") is ", bad, ", expected a finite number"));
      }
    for (const auto& [i, j] : {std::pair{0, 1}, {3, 99}, {64, 65}, {97, 98}, {10, 40}}) {
      auto broken = good;
      broken.at(j, i) = 0.25f;
      EXPECT_EQ(error_of(ctx, std::vector{broken.view()}),
                text("redundancy matrix 0: entry (", i, ", ", j, ") is ", good.at(i, j), " but (", j, ", ", i,
                     ") is 0.25, expected a symmetric matrix, bit for bit"));
    }
    redundancy_matrix wrong = good.view();
    wrong.channels = -1;
    EXPECT_EQ(error_of(ctx, {&wrong, 1}), "redundancy matrix 0: -1 channels, expected 0 to 4194303");
    wrong = good.view();
    wrong.row_stride = 99;
    EXPECT_EQ(error_of(ctx, {&wrong, 1}), "redundancy matrix 0: row stride 99, expected at least 100");
    wrong = good.view();
    wrong.data = nullptr;
    EXPECT_EQ(error_of(ctx, {&wrong, 1}), "redundancy matrix 0: no data");
    wrong.data = reinterpret_cast<const std::byte*>(good.values.data()) + 3;
    EXPECT_EQ(error_of(ctx, {&wrong, 1}), text("redundancy matrix 0 at address ", wrong.data, ", expected a multiple of 4"));
  }
}

TEST(elimination, nothing_in_nothing_out) {
  for (const named_context& backend : all_backends()) {
    EXPECT_TRUE(eliminate(backend.ctx, {}).empty());
    const elimination none = eliminate_one(backend.ctx, {});
    EXPECT_TRUE(none.order.empty());
    EXPECT_EQ(none.curve, std::vector<double>{0});
  }
}

}  // namespace
}  // namespace sirfp
