// A small joint elimination: sites with covariance, metric and channels, and what a removal costs by explicit least squares.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "sirfp/schur_elimination.hpp"
#include "support/dense_solve.hpp"

namespace sirfp::test {

struct joint_site {
  std::int64_t positions = 0;
  std::vector<double> covariance, metric;
  std::vector<std::int32_t> channel;
  sirfp::schur_site view() const { return {positions, covariance.data(), metric.data(), channel}; }
};

struct joint_problem {
  std::int64_t channels = 0;
  std::vector<joint_site> sites;
  std::vector<sirfp::schur_site> views() const {
    std::vector<sirfp::schur_site> found;
    for (const joint_site& site : sites) found.push_back(site.view());
    return found;
  }
};

// A Gram matrix of `rank` random rows over n columns, divided by the rank.
inline std::vector<double> random_gram(std::mt19937_64& random, std::int64_t n, std::int64_t rank) {
  std::normal_distribution<double> normal;
  std::vector<double> rows(static_cast<std::size_t>(n * rank)), gram(static_cast<std::size_t>(n * n), 0.0);
  for (double& value : rows) value = normal(random);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::int64_t r = 0; r < rank; ++r) sum += rows[static_cast<std::size_t>(r * n + i)] * rows[static_cast<std::size_t>(r * n + j)];
      gram[static_cast<std::size_t>(i * n + j)] = gram[static_cast<std::size_t>(j * n + i)] = sum / static_cast<double>(rank);
    }
  return gram;
}

inline joint_site random_site(std::mt19937_64& random, std::vector<std::int32_t> channel, std::int64_t rank, std::int64_t outputs) {
  const auto n = static_cast<std::int64_t>(channel.size());
  return {n, random_gram(random, n, rank), random_gram(random, n, outputs), std::move(channel)};
}

// Some channels stand at one to five positions of a site, some at none, and some positions belong to no channel.
inline joint_problem random_problem(std::uint64_t seed, std::int64_t channels, int sites) {
  std::mt19937_64 random(seed);
  joint_problem problem{channels, {}};
  for (int s = 0; s < sites; ++s) {
    std::vector<std::int32_t> channel;
    for (std::int32_t c = 0; c < channels; ++c) {
      const auto draw = random() % 8;
      for (std::uint64_t k = 0; k < (draw < 5 ? 1 : draw < 7 ? 2 + random() % 4 : 0); ++k) channel.push_back(c);
    }
    for (std::uint64_t k = 0; k < random() % 3; ++k) channel.push_back(-1);
    std::shuffle(channel.begin(), channel.end(), random);
    if (channel.empty()) channel.push_back(0);
    const auto n = static_cast<std::int64_t>(channel.size());
    problem.sites.push_back(
        random_site(random, std::move(channel), 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * n)), 3));
  }
  return problem;
}

// Error in the consumers' outputs when the channels marked as removed are predicted from the rest by regularised least squares, per site:
// tr(M_RR G), G = S_RR - S_RK S_KK^-1 S_KR with S = Sigma + lambda mean(diag Sigma) I.
inline long double removal_error(const joint_site& site, const std::vector<std::uint8_t>& removed, double lambda) {
  const auto n = static_cast<std::size_t>(site.positions);
  long double mean_diagonal = 0;
  for (std::size_t i = 0; i < n; ++i) mean_diagonal += static_cast<long double>(site.covariance[i * n + i]) / static_cast<long double>(n);
  const auto covariance = [&](std::size_t i, std::size_t j) {
    return static_cast<long double>(site.covariance[i * n + j]) + (i == j ? static_cast<long double>(lambda) * mean_diagonal : 0);
  };
  std::vector<std::size_t> kept, gone;
  for (std::size_t i = 0; i < n; ++i)
    (site.channel[i] >= 0 && removed[static_cast<std::size_t>(site.channel[i])] != 0 ? gone : kept).push_back(i);
  dense system, right;
  for (const std::size_t i : kept) {
    system.emplace_back();
    right.emplace_back();
    for (const std::size_t j : kept) system.back().push_back(covariance(i, j));
    for (const std::size_t r : gone) right.back().push_back(covariance(i, r));
  }
  const dense solution = dense_solve(system, right);
  long double error = 0;
  for (std::size_t a = 0; a < gone.size(); ++a)
    for (std::size_t b = 0; b < gone.size(); ++b) {
      long double unexplained = covariance(gone[a], gone[b]);
      for (std::size_t k = 0; k < kept.size(); ++k) unexplained -= covariance(gone[a], kept[k]) * solution[k][b];
      error += static_cast<long double>(site.metric[gone[a] * n + gone[b]]) * unexplained;
    }
  return error;
}

}  // namespace sirfp::test
