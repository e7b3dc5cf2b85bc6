// The joint elimination on grids of several blocks: the same bits on any of them, in any order of threads; where its solver is retried.
#include <gtest/gtest.h>

#include <numeric>

#include "cuda_backend.hpp"
#include "device/runtime.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/schur_elimination.hpp"
#include "support/joint_problem.hpp"
#ifdef SIRFP_EMULATED_CUDA
#include "emulator/device_memory.hpp"
#include "emulator/grid.hpp"
#endif

namespace sirfp::test {
namespace {

context on_multiprocessors(int count) {
  device_facts facts = device::facts_of(0);
  facts.multiprocessors = count;
  context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  ctx.backend = std::make_shared<cuda_backend>(0, facts, cuda_options{});
  return ctx;
}

// On a GPU nobody can say in which order they run.
void order_threads_by([[maybe_unused]] std::uint64_t seed) {
#ifdef SIRFP_EMULATED_CUDA
  emulator::set_seed(seed);
#endif
}

std::vector<std::int32_t> counting(std::int32_t from, std::int32_t to) {
  std::vector<std::int32_t> list(static_cast<std::size_t>(to - from));
  std::iota(list.begin(), list.end(), from);
  return list;
}

// Two groups: channels 0 to 89 stand in two sites, some of them twice, 90 to 129 in the second and a third, which nobody shares else.
joint_problem two_groups() {
  std::mt19937_64 random(7);
  joint_problem problem{130, {}};
  std::vector<std::int32_t> twice = counting(0, 90);
  twice.insert(twice.end(), {3, 4, 5, -1, 7, 7});
  problem.sites.push_back(random_site(random, twice, 150, 30));
  problem.sites.push_back(random_site(random, counting(0, 130), 200, 30));
  problem.sites.push_back(random_site(random, counting(90, 130), 60, 30));
  return problem;
}

void expect_same(const schur_elimination& got, const schur_elimination& expected, const std::string& where) {
  EXPECT_EQ(got.order, expected.order) << where;
  EXPECT_EQ(got.costs, expected.costs) << where;
  EXPECT_EQ(got.total, expected.total) << where;
}

TEST(schur_grid, any_grid_and_any_order_of_threads_give_the_same_bits) {
  const joint_problem problem = two_groups();
  const std::vector<schur_quota> quotas = {{0, 90, 40}, {90, 40, 25}};
  const schur_options options{.quotas = quotas, .panel = 12};
  const schur_elimination cpu = eliminate_joint(cpu_context(make_thread_pool(1)), problem.channels, problem.views(), options);
  const schur_elimination expected = eliminate_joint(on_multiprocessors(1), problem.channels, problem.views(), options);
  EXPECT_EQ(expected.order, cpu.order);
  for (std::size_t t = 0; t < cpu.costs.size(); ++t) EXPECT_NEAR(expected.costs[t], cpu.costs[t], 1e-11 * cpu.total[1]) << t;
  for (const int multiprocessors : {2, 5, 8}) {
    order_threads_by(static_cast<std::uint64_t>(multiprocessors));
    expect_same(eliminate_joint(on_multiprocessors(multiprocessors), problem.channels, problem.views(), options), expected,
                std::to_string(multiprocessors) + " multiprocessors");
  }
  order_threads_by(1);
}

// Nothing may go beyond the limit: both groups run dry, one after the other. What cannot go is not in anybody's way.
TEST(schur_grid, groups_that_run_dry_lose_their_turns) {
  const joint_problem problem = two_groups();
  const std::vector<schur_quota> quotas = {{0, 60, 60}, {60, 20, 20}, {90, 40, 40}};
  const std::vector<std::int32_t> in = {1, 2, 95}, out = {85, 100, 0};
  std::size_t most = 0;
  for (const double limit : {0.0, 0.005, 0.02, 0.1}) {
    const schur_options options{.cost_limit = limit, .forced_in = in, .forced_out = out, .quotas = quotas};
    const schur_elimination cpu = eliminate_joint(cpu_context(make_thread_pool(1)), problem.channels, problem.views(), options);
    EXPECT_EQ(eliminate_joint(on_multiprocessors(3), problem.channels, problem.views(), options).order, cpu.order) << "limit " << limit;
    EXPECT_GE(cpu.order.size(), most == 0 ? most : most + 1) << "limit " << limit;
    most = cpu.order.size();
  }
  EXPECT_GT(most, 50U);
}

// A covariance that is no covariance: not even lambda = 1e-3 makes a factor of it, so the solver is asked again, as on the CPU.
TEST(schur_grid, an_indefinite_covariance_is_regularised_until_a_factor_exists) {
  std::mt19937_64 random(3);
  joint_problem problem{5, {random_site(random, counting(0, 5), 9, 5), random_site(random, counting(0, 5), 9, 5)}};
  problem.sites[1].covariance = {1, 2, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  const schur_elimination cpu = eliminate_joint(cpu_context(make_thread_pool(1)), problem.channels, problem.views(), {});
  const schur_elimination got = eliminate_joint(on_multiprocessors(2), problem.channels, problem.views(), {});
  EXPECT_EQ(got.order, cpu.order);
  for (std::size_t t = 0; t < cpu.costs.size(); ++t) EXPECT_NEAR(got.costs[t], cpu.costs[t], 1e-12 * cpu.costs.back()) << t;
}

#ifdef SIRFP_EMULATED_CUDA
TEST(schur_grid, nothing_leaks) {
  const std::size_t before = emulator::live_allocations();
  const joint_problem problem = random_problem(4, 9, 3);
  eliminate_joint(on_multiprocessors(2), problem.channels, problem.views(), {});
  EXPECT_EQ(emulator::live_allocations(), before);
}
#endif

}  // namespace
}  // namespace sirfp::test
