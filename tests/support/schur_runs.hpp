// Joint eliminations on every backend, of sites on the host and of the same in a device's memory.
#pragma once

#include <gtest/gtest.h>

#include <numeric>
#include <utility>
#include <vector>

#include "sirfp/backend.hpp"
#include "sirfp/schur_elimination.hpp"
#include "support/backends.hpp"
#include "support/joint_problem.hpp"

namespace sirfp::test {

inline std::vector<context> every_backend() {
  std::vector<context> all;
  for (const named_context& each : one_of_each_kind()) all.push_back(each.ctx);
  return all;
}

// A problem's matrices in the memory of a backend.
struct resident_problem {
  resident_problem(const context& ctx, const joint_problem& problem) : sites(problem.views()) {
    for (schur_site& site : sites) {
      const auto size = static_cast<std::size_t>(site.positions * site.positions);
      for (const double** matrix : {&site.covariance, &site.metric}) {
        matrices.push_back(buffer::from_host(ctx.memory, {*matrix, *matrix + size}));
        *matrix = matrices.back().data();
      }
      site.space = ctx.backend->space();
    }
  }
  std::vector<schur_site> sites;
  std::vector<buffer> matrices;
};

// A device's answer is the same bits wherever the matrices lie.
inline schur_elimination run(const context& ctx, const joint_problem& problem, const schur_options& options = {}) {
  schur_elimination found = eliminate_joint(ctx, problem.channels, problem.views(), options);
  if (ctx.backend->space() == memory_space::host) return found;
  const schur_elimination resident = eliminate_joint(ctx, problem.channels, resident_problem(ctx, problem).sites, options);
  EXPECT_EQ(resident.order, found.order);
  EXPECT_EQ(resident.costs, found.costs);
  EXPECT_EQ(resident.total, found.total);
  return found;
}

inline std::vector<std::int32_t> first_channels(std::int64_t channels) {
  std::vector<std::int32_t> list(static_cast<std::size_t>(channels));
  std::iota(list.begin(), list.end(), 0);
  return list;
}

inline joint_problem one_site(std::int64_t channels, std::vector<double> covariance, std::vector<double> metric) {
  return {channels, {{channels, std::move(covariance), std::move(metric), first_channels(channels)}}};
}

}  // namespace sirfp::test
