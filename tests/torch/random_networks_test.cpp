// Random small networks: random removals in every group that may lose channels give masked = slimmed.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <cstdlib>
#include <iostream>
#include <sstream>

#include "../support/masked_and_slim.hpp"
#include "../support/random_network.hpp"

namespace sirfp::test {
namespace {

// SIRFP_RANDOM_NETWORKS widens the sweep (make test-long), SIRFP_RANDOM_SEED repeats one seed.
std::int64_t from_environment(const char* name, std::int64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoll(value);
}

adapter::network reloaded(const torch::jit::Module& module) {
  std::stringstream file;
  module.save(file);
  return adapter::load_network(torch::jit::load(file));
}

TEST(random_networks, masked_equals_slim) {
  torch::jit::setGraphExecutorOptimize(false);
  at::set_num_threads(1);
  const std::int64_t networks = from_environment("SIRFP_RANDOM_NETWORKS", 320);
  const std::int64_t only = from_environment("SIRFP_RANDOM_SEED", -1);
  std::int64_t groups = 0;
  std::int64_t pruned = 0;
  std::int64_t changed = 0;
  std::int64_t failures = 0;
  for (std::int64_t seed = std::max<std::int64_t>(only, 0); seed < (only < 0 ? networks : only + 1) && failures < 5; ++seed) {
    random_network maker(static_cast<std::uint64_t>(seed));
    try {
      const torch::jit::Module module = maker.build();
      const at::Tensor input = maker.input();
      const adapter::network net = seed % 8 == 0 ? reloaded(module) : adapter::load_network(module);
      const compensation how = seed % 3 == 0 ? compensation::least_squares : seed % 3 == 1 ? compensation::none : compensation::constant;
      const masked_and_slim result = run_both(net, input, static_cast<std::uint64_t>(seed), how);
      groups += static_cast<std::int64_t>(result.graph.groups.size()) - 2;  // input and output cannot lose any
      pruned += result.groups_pruned;
      changed += result.effect() > 1e-6;
      EXPECT_LE(result.difference(), 1e-9) << "seed " << seed << "\n" << maker.source();
      EXPECT_TRUE(result.groups_pruned == 0 || result.parameters_after < result.parameters_before) << "seed " << seed;
      failures += !(result.difference() <= 1e-9);
    } catch (const std::exception& error) {
      ++failures;
      ADD_FAILURE() << "seed " << seed << ": " << error.what() << "\n" << maker.source();
    }
  }
  std::cout << "groups between input and output " << groups << ", pruned " << pruned << ", networks whose output changed " << changed
            << " of " << networks << "\n";
  if (only >= 0) return;
  EXPECT_GE(pruned * 4, groups * 3) << "most groups of these networks can lose channels";
  EXPECT_GE(changed * 10, networks * 8) << "removals that change nothing prove nothing";
}

}  // namespace
}  // namespace sirfp::test
