// What the cuda backend makes of a machine that fails it: no driver, no device, no memory, a device lost in the middle. The emulated
// runtime makes the faults (emulator/machine.hpp), one at a time and at every place.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <numeric>

#include "device/runtime.hpp"
#include "emulator/device_memory.hpp"
#include "emulator/machine.hpp"
#include "gram_plan.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/compensation.hpp"
#include "sirfp/consumer_metric.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/edge_score.hpp"
#include "sirfp/elimination.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/redundancy_sum.hpp"
#include "sirfp/similarity.hpp"
#include "support/error_text.hpp"
#include "support/joint_problem.hpp"
#include "support/placed_features.hpp"
#include "support/samples.hpp"
#include "support/symmetric_matrix.hpp"

namespace sirfp::test {
namespace {

context device_context() { return cuda_context(0, nullptr, make_thread_pool(1)); }

std::string refusal(const emulator::machine& machine, int device = 0) {
  const emulator::faults made(machine);
  return error_text<invalid_argument>([=] { cuda_context(device); });
}

TEST(faults, what_is_missing_is_named) {
  SIRFP_EXPECT_HAS(refusal({.driver = 0}), "backend cuda: no NVIDIA driver on this machine");
  SIRFP_EXPECT_HAS(refusal({.driver = 12040}), "backend cuda: the driver serves CUDA up to 12.4, this build needs 13.0");
  SIRFP_EXPECT_HAS(refusal({.devices = 0}), "backend cuda: the driver finds no GPU");
  SIRFP_EXPECT_HAS(refusal({.devices = 4}, 7), "backend cuda: device 7, expected 0 to 3");
  SIRFP_EXPECT_HAS(refusal({.facts = {.arch = 75}}), "compute capability 7.5, expected at least 8.0");
  device_context();
}

// Everything that the backend does, each to a list of numbers.
struct operation {
  const char* name;
  std::function<std::vector<double>(const context&)> run;
};

std::vector<double> observed(const context& ctx, const feature_case& c) {
  const feature_data data(c);
  const placed_features placed(ctx, data);
  similarity_state similarity;
  moments_state moments;
  edge_state edges;
  for (int batch = 0; batch < 2; ++batch) {  // the second into a state that is there
    accumulate_similarity(ctx, placed.view(), placed.weights(), {}, similarity);
    accumulate_moments(ctx, placed.view(), placed.weights(), moments);
    accumulate_edge_score(ctx, placed.view(), edges);
  }
  std::vector<double> all = mean_redundancy_sync(similarity);
  for (const auto& part : {moments_sync(moments).covariance, edge_score_sync(edges)}) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Several layers and sites at a time.
std::vector<double> observed_together(const context& ctx) {
  const feature_data data[] = {feature_data(feature_case{{2, 5, 6, 7}}), feature_data(feature_case{{1, 4, 3, 9}})};
  const placed_features first(ctx, data[0]), second(ctx, data[1]);
  similarity_state similarities[3];
  moments_state moments[3];
  std::vector<similarity_reading> layers;
  std::vector<moments_reading> sites;
  for (int k = 0; k < 3; ++k) {
    const feature_view& view = k == 1 ? second.view() : first.view();
    layers.push_back({view, {}, &similarities[k]});
    sites.push_back({view, {}, &moments[k]});
  }
  for (int batch = 0; batch < 2; ++batch) {
    accumulate_similarity(ctx, layers, {});
    accumulate_moments(ctx, sites);
  }
  std::vector<double> all;
  for (int k = 0; k < 3; ++k)
    for (const auto& part : {mean_redundancy_sync(similarities[k]), moments_sync(moments[k]).covariance})
      all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::vector<double> eliminated(const context& ctx) {
  const auto first = random_symmetric<float>(1, 9, filling::signed_uniform);
  const auto second = random_symmetric<double>(2, 40, filling::signed_uniform);
  const redundancy_matrix batch[] = {first.view(), second.view(), first.view()};
  std::vector<double> all;
  for (const elimination& found : eliminate(ctx, batch)) all.insert(all.end(), found.order.begin(), found.order.end());
  return all;
}

// From redundancies on the device: two layers add up to a group.
std::vector<double> eliminated_from_redundancy(const context& ctx) {
  const feature_data data({{2, 9, 5, 6}, dtype::f32});
  const placed_features placed(ctx, data);
  similarity_state layer;
  accumulate_similarity(ctx, placed.view(), {}, {}, layer);
  buffer square(ctx.memory, 4 * 4);
  for (const row_positions& rows : {row_positions{{0, 1, 3, 3, 4}, {2, 0, 8, 5}}, {{0, 1, 2, 3, 4}, {1, 3, 4, 7}}})
    add_redundancy_sync(ctx, layer, rows, redundancy_scale::cosine, 30, square);
  const redundancy_matrix matrix{square.data(), true, 4, 4};
  const elimination found = eliminate(ctx, {&matrix, 1}).front();
  return {found.order.begin(), found.order.end()};
}

std::vector<double> eliminated_jointly(const context& ctx) {
  const joint_problem problem = random_problem(4, 9, 2);
  const schur_elimination found = eliminate_joint(ctx, problem.channels, problem.views(), {});
  std::vector<double> all = found.costs;
  all.insert(all.end(), found.order.begin(), found.order.end());
  return all;
}

// From moments on the device, without a matrix on the host.
std::vector<double> eliminated_from_moments(const context& ctx) {
  const moments_state state = state_of(ctx, moments_of(mixed_samples(4, 9, 9, 30)));
  site_matrices made = site_matrices_sync(ctx, state);
  std::vector<double> weight(2 * 9 * 4, 0.5);
  for (std::size_t i = 0; i < weight.size(); i += 5) weight[i] = static_cast<double>(i);
  for (const std::vector<double>& gain : {std::vector<double>{}, {1, 2}}) add_consumer_metric(ctx, {weight, 2, 9, 4, gain}, made);
  std::vector<std::int32_t> channel(9);
  std::iota(channel.begin(), channel.end(), 0);
  const schur_site site{9, made.covariance.data(), made.metric.data(), channel, ctx.backend->space()};
  return eliminate_joint(ctx, 9, {&site, 1}, {}).costs;
}

std::vector<double> compensated(const context& ctx) {
  const moments_state state = state_of(ctx, moments_of(mixed_samples(4, 9, 9, 30)));
  const std::vector<std::uint8_t> kept = {1, 0, 1, 1, 0, 1, 1, 1, 0};
  std::vector<double> all(2 * 9 * 4, 0.5);
  const moments_state* const only[] = {&state};
  const std::vector<double> bias = predict_resident_sync(ctx, only, kept, compensation::least_squares)->fold_sync(all, 2, 4);
  all.insert(all.end(), bias.begin(), bias.end());
  return all;
}

std::vector<operation> operations() {
  return {
      {"observe f32",
       [](const context& ctx) {
         return observed(ctx, {{3, 5, 6, 7}, dtype::f32, layout::nchw, weighting::random});
       }},
      {"observe bf16",
       [](const context& ctx) {
         return observed(ctx, {{1, 5, 6, 7}, dtype::bf16, layout::aligned});
       }},
      {"observe together", observed_together},
      {"eliminate", eliminated},
      {"eliminate, from redundancies", eliminated_from_redundancy},
      {"eliminate jointly", eliminated_jointly},
      {"eliminate jointly, from moments", eliminated_from_moments},
      {"compensate", compensated},
  };
}

// The memory grows by what the last error asked for, so that every allocation is once the one that fails.
TEST(faults, any_allocation_may_fail) {
  for (const operation& each : operations()) {
    const context ctx = device_context();
    const std::vector<double> expected = each.run(ctx);
    emulator::machine small{.memory_bytes = 0};
    std::vector<double> got;
    int failures = 0;
    while (got.empty()) {
      const emulator::faults made(small);
      try {
        got = each.run(ctx);
      } catch (const device::out_of_memory& error) {
        ++failures;
        SIRFP_EXPECT_HAS(std::string(error.what()), text("out of device memory: ", error.asked, " bytes asked for, ", error.free, " of ",
                                                         small.memory_bytes, " free"));
        ASSERT_GT(error.asked, error.free) << each.name;
        small.memory_bytes += error.asked - error.free;
      }
      ASSERT_EQ(emulator::live_allocations(), 0U) << each.name << " leaks with " << small.memory_bytes << " bytes";
    }
    EXPECT_EQ(got, expected) << each.name;
    EXPECT_GT(failures, 3) << each.name;
  }
}

TEST(faults, the_device_may_be_lost_at_any_call) {
  for (const operation& each : operations()) {
    const context ctx = device_context();
    const std::vector<double> expected = each.run(ctx);
    std::vector<double> got;
    std::int64_t calls = 0;
    for (; got.empty(); ++calls) {
      const emulator::faults made({.calls_left = calls});
      try {
        got = each.run(ctx);
      } catch (const failure& error) {
        SIRFP_EXPECT_HAS(std::string(error.what()), "CUDA error 719");
      }
      ASSERT_EQ(emulator::live_allocations(), 0U) << each.name << " leaks, lost after " << calls << " calls";
    }
    EXPECT_EQ(got, expected) << each.name;
    EXPECT_GT(calls, 10) << each.name;
  }
}

TEST(faults, a_state_is_as_it_was_when_memory_runs_out) {
  const context ctx = device_context();
  const feature_data data(feature_case{{3, 5, 6, 7}});
  const placed_features placed(ctx, data);
  similarity_state similarity;
  moments_state moments;
  accumulate_similarity(ctx, placed.view(), {}, {}, similarity);
  accumulate_moments(ctx, placed.view(), {}, moments);
  const std::vector<double> before = mean_redundancy_sync(similarity);
  const std::vector<double> covariance = moments_sync(moments).covariance;
  {
    const emulator::faults made({.memory_bytes = emulator::live_bytes()});
    EXPECT_THROW(accumulate_similarity(ctx, placed.view(), {}, {}, similarity), device::out_of_memory);
    EXPECT_THROW(accumulate_moments(ctx, placed.view(), {}, moments), device::out_of_memory);
  }
  EXPECT_EQ(mean_redundancy_sync(similarity), before);
  EXPECT_EQ(moments_sync(moments).covariance, covariance);
  EXPECT_EQ(similarity.images, 3);
  accumulate_similarity(ctx, placed.view(), {}, {}, similarity);
  EXPECT_EQ(similarity.images, 6);
}

// Of several readings some may be in when memory runs out: each state has all of its batch or nothing, and says which.
TEST(faults, of_several_states_each_is_as_it_was_or_complete) {
  const context ctx = device_context();
  std::deque<feature_data> data;
  std::deque<placed_features> placed;
  for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16})
    for (const std::int64_t channels : {5, 70}) placed.emplace_back(ctx, data.emplace_back(feature_case{{2, channels, 6, 7}, type}));
  const auto bits_of = [](const moments_state& state) {
    std::vector<double> all = state.scatter.to_host_sync();
    for (const double mean : state.mean.to_host_sync()) all.push_back(mean);
    all.push_back(weight_sync(state));
    return all;
  };
  std::vector<std::vector<double>> after[2];  // of one batch, of two
  std::vector<moments_state> expected(placed.size());
  for (auto& bits : after)
    for (std::size_t k = 0; k < placed.size(); ++k) {
      accumulate_moments(ctx, placed[k].view(), {}, expected[k]);
      bits.push_back(bits_of(expected[k]));
    }
  int between = 0;  // runs that ended with some of the states done
  for (std::size_t room = 0;; room += 20 << 10) {
    std::vector<moments_state> states(placed.size());
    std::vector<moments_reading> readings;
    for (std::size_t k = 0; k < placed.size(); ++k) {
      accumulate_moments(ctx, placed[k].view(), {}, states[k]);
      readings.push_back({placed[k].view(), {}, &states[k]});
    }
    bool failed = false;
    {
      const emulator::faults made({.memory_bytes = emulator::live_bytes() + room});
      try {
        accumulate_moments(ctx, readings);
      } catch (const device::out_of_memory&) {
        failed = true;
      }
    }
    std::size_t done = 0;
    for (std::size_t k = 0; k < states.size(); ++k) {
      ASSERT_TRUE(states[k].images == 2 || states[k].images == 4);
      ASSERT_EQ(bits_of(states[k]), after[states[k].images / 2 - 1][k]) << k << " with " << room << " bytes";
      done += states[k].images == 4 ? 1 : 0;
    }
    ASSERT_EQ(done == states.size(), !failed);
    between += done > 0 && failed ? 1 : 0;
    if (!failed) break;
  }
  EXPECT_GT(between, 0);
}

// What does not fit at once is done in parts, to the same bits.
TEST(faults, less_memory_takes_smaller_groups_of_images) {
  const context ctx = device_context();
  const feature_data data(feature_case{{6, 12, 8, 9}, dtype::f32, layout::nchw, weighting::random});
  const placed_features placed(ctx, data);
  const auto similarity = [&] {
    similarity_state state;
    accumulate_similarity(ctx, placed.view(), placed.weights(), {}, state);
    return mean_redundancy_sync(state);
  };
  const std::vector<double> expected = similarity();
  const device_gram_plan plan = plan_device_gram(request_of(placed.view(), placed.weights(), false), device::facts_of(0));
  ASSERT_EQ(plan.images_at_once, 6);
  const auto some = static_cast<std::size_t>(plan.workspace_bytes / 2 + (4 << 10));
  const emulator::faults made({.memory_bytes = emulator::live_bytes() + some});
  EXPECT_EQ(similarity(), expected);
}

TEST(faults, less_memory_takes_fewer_matrices) {
  const context ctx = device_context();
  const auto matrix = random_symmetric<float>(3, 64, filling::signed_uniform);
  auto asymmetric = matrix;
  asymmetric.values[1] += 1;
  std::vector<redundancy_matrix> batch(5, matrix.view());
  const std::vector<std::int32_t> expected = eliminate(ctx, batch).front().order;
  const emulator::faults made({.memory_bytes = 120 << 10});  // of one matrix: 16 KiB and a copy of 32 KiB
  EXPECT_THROW(device::allocate(5 * (48 << 10), nullptr), device::out_of_memory);
  for (const elimination& found : eliminate(ctx, batch)) EXPECT_EQ(found.order, expected);
  batch[4] = asymmetric.view();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { eliminate(ctx, batch); }), "matrix 4");
  EXPECT_EQ(emulator::live_allocations(), 0U);
}

}  // namespace
}  // namespace sirfp::test
