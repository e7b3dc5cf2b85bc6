// Observation by the cuda backend, under the emulator: the CPU's sums, and the CPU's report of a bad image although nobody waits for it.
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <limits>

#include "../support/emulated_tensors.hpp"
#include "../support/error_text.hpp"
#include "../support/joint_network.hpp"
#include "../support/limited_memory.hpp"
#include "../support/observed_network.hpp"
#include "../support/packed_error.hpp"
#include "../support/redundant_network.hpp"
#include "../support/script_network.hpp"
#include "emulator/device_memory.hpp"
#include "emulator/grid.hpp"
#include "emulator/machine.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/cuda_context.hpp"

namespace sirfp::test {
namespace {

using adapter::bad_feature_error;
using adapter::observe_options;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

// The same network thrice: to the oracle, on the CPU, and on the emulated GPU.
struct three_ways {
  three_ways() {
    at::set_num_threads(1);
    exact.ctx = reference_context();
    device.ctx = cuda_context(0, nullptr, make_thread_pool(1));
  }
  observed_network exact, host, device;
};

// Counts names as the program does.
void add(const adapter::observer& observer, const at::Tensor& batch, const std::vector<std::string>& names, calibration_state& state) {
  const emulated_tensors on_device;
  observer.add(batch.clone(), names, state);
  state.images.insert(state.images.end(), names.begin(), names.end());
}

calibration_state observed(const observed_network& all, const observe_options& options) {
  calibration_state state;
  const auto observer = all.observer(options);
  add(observer, batch_of(2, 1), two_names, state);
  add(observer, batch_of(1, 2), {"three.jpg"}, state);
  observer.expect_sound_sync(state);
  return state;
}

// METHOD 8, with the cpu backend for the naive sum.
void expect_as_good(const std::vector<double>& device, const std::vector<double>& host, const std::vector<double>& exact,
                    std::int64_t channels, const std::string& what) {
  const double bound = 2 * error_of(host, exact, channels).worst + 4 * std::numeric_limits<float>::epsilon();
  const packed_error found = error_of(device, exact, channels);
  EXPECT_LE(found.worst, bound) << what << " (" << found.row << ", " << found.column << ")";
}

void expect_same_states(const observe_options& options) {
  const three_ways all;
  const calibration_state exact = observed(all.exact, options), host = observed(all.host, options), device = observed(all.device, options);
  ASSERT_EQ(device.layers.size(), exact.layers.size());
  ASSERT_EQ(device.sites.size(), exact.sites.size());
  ASSERT_EQ(device.edges.size(), exact.edges.size());
  EXPECT_FALSE(device.layers.empty() && device.sites.empty());
  for (const auto& [name, layer] : device.layers) {
    EXPECT_EQ(layer.matrix.space(), memory_space::cuda);
    EXPECT_EQ(layer.images, 3);
    expect_as_good(mean_redundancy_sync(layer), mean_redundancy_sync(host.layers.at(name)), mean_redundancy_sync(exact.layers.at(name)),
                   layer.channels, name);
  }
  for (const auto& [name, site] : device.sites) {
    const moments found = moments_sync(site), wanted = moments_sync(exact.sites.at(name));
    EXPECT_NEAR(found.weight, wanted.weight, 1e-6 * wanted.weight);
    expect_as_good(found.covariance, moments_sync(host.sites.at(name)).covariance, wanted.covariance, found.channels, name);
  }
  for (const auto& [name, edge] : device.edges) {
    const auto found = edge_score_sync(edge), wanted = edge_score_sync(exact.edges.at(name));
    for (std::size_t c = 0; c < found.size(); ++c) EXPECT_NEAR(found[c], wanted[c], 1e-5 * wanted[c]) << name << " " << c;
  }
}

TEST(observe_device, states_are_those_of_the_cpu) { expect_same_states({.edges = true}); }
TEST(observe_device, also_of_batches_that_are_waited_for) { expect_same_states({.edges = true, .wait_for_each = true}); }
TEST(observe_device, also_of_a_moving_average) {
  for (const bool wait : {false, true})
    expect_same_states({.similarity = {.mode = accumulation::ema, .ema_rate = 0.5}, .wait_for_each = wait});
}
TEST(observe_device, also_with_edge_aware_weights) { expect_same_states({.pixel_weights = observe_options::weighting::edge_aware}); }
TEST(observe_device, also_of_sampled_pixels) {
  expect_same_states({.sample_pixels = 0.25});
  expect_same_states({.pixel_weights = observe_options::weighting::edge_aware, .sample_pixels = 0.25});
}

// Twice as many layers and sites, and no more launches: small maps go together.
TEST(observe_device, small_maps_share_launches) {
  const auto launches_of = [](int depth) {
    at::set_num_threads(1);
    script_network net(1);
    std::string chain = "x";
    for (int k = 0; k < depth; ++k) {
      net.conv(text("layer", k), {.in = k == 0 ? 3 : 6, .out = 6});
      chain = text("torch.relu(self.layer", k, ".forward(", chain, "))");
    }
    net.conv("head", {.in = 6, .out = 2});
    observed_network all;
    all.ctx = cuda_context(0, nullptr, make_thread_pool(1));
    torch::jit::Module module = net.build("  return self.head.forward(" + chain + ")\n");
    module.to(at::kFloat);
    all.net = adapter::load_network(module);
    all.captured = adapter::capture(all.net, at::rand({1, 3, 8, 8}));
    all.graph = analyse_channels(all.captured.ops);
    const auto observer = all.observer();
    calibration_state state;
    add(observer, batch_of(1, 1), {"one.jpg"}, state);
    const std::uint64_t before = emulator::launches();
    add(observer, batch_of(1, 2), {"two.jpg"}, state);
    EXPECT_EQ(state.sites.size(), static_cast<std::size_t>(depth));
    return emulator::launches() - before;
  };
  EXPECT_EQ(launches_of(8), launches_of(4));
}

// What waits is read before it is written over.
TEST(observe_device, maps_that_the_network_writes_over_are_read_as_they_were) {
  const char* const writes[] = {"y.mul_(3.)", "torch.relu_(y[:, :, 2:])", "torch.add(y, y, out=y)"};
  for (const char* write : writes) {
    three_ways all;
    for (observed_network* one : {&all.exact, &all.host, &all.device}) {
      one->net = adapter::load_network(plain_network()
                                           .child("a", all.exact.weight_a, "torch.conv2d(x, self.weight, None, [1, 1], [1, 1])")
                                           .child("b", all.exact.weight_b, "torch.conv2d(x, self.weight, None, [1, 1], [1, 1])")
                                           .child("c", all.exact.weight_c, "torch.conv2d(x, self.weight)")
                                           .define(text("def forward(self, x):\n"
                                                        "  y = self.a.forward(x)\n"
                                                        "  z = self.b.forward(y)\n"
                                                        "  ",
                                                        write,
                                                        "\n"
                                                        "  return self.c.forward(y + z)\n")));
      one->captured = adapter::capture(one->net, at::rand({1, 3, 8, 8}));
      one->graph = analyse_channels(one->captured.ops);
    }
    const calibration_state exact = observed(all.exact, {}), host = observed(all.host, {}), device = observed(all.device, {});
    ASSERT_EQ(device.sites.size(), exact.sites.size()) << write;
    for (const auto& [name, site] : device.sites)
      expect_as_good(moments_sync(site).covariance, moments_sync(host.sites.at(name)).covariance,
                     moments_sync(exact.sites.at(name)).covariance, site.channels, text(write, ": ", name));
    for (const auto& [name, layer] : device.layers)
      expect_as_good(mean_redundancy_sync(layer), mean_redundancy_sync(host.layers.at(name)), mean_redundancy_sync(exact.layers.at(name)),
                     layer.channels, text(write, ": ", name));
  }
}

// What the CPU throws from `add` for these images.
std::string report_of_cpu(const observed_network& host, const observe_options& options, const at::Tensor& images,
                          const std::vector<std::string>& names) {
  calibration_state state;
  return error_text<bad_feature_error>([&] {
    for (std::int64_t n = 0; n < images.size(0); ++n)
      host.observer(options).add(images.narrow(0, n, 1), {names[static_cast<std::size_t>(n)]}, state);
  });
}

TEST(observe_device, a_bad_image_is_reported_as_on_the_cpu) {
  const three_ways all;
  const std::vector<std::string> names = {"a", "b", "c", "d", "e"};
  for (const double share : {1.0, 0.25})
    for (const std::int64_t bad : {0, 2, 4}) {
      const observe_options options{.edges = true, .sample_pixels = share};
      at::Tensor images = batch_of(5, 3);
      for (std::int64_t n = bad; n < 5; ++n) images[n][0][3][3] = not_a_number;  // the first of them is named
      const auto observer = all.device.observer(options);
      calibration_state state;
      add(observer, images.narrow(0, 0, 1), {"a"}, state);
      add(observer, images.narrow(0, 1, 3), {"b", "c", "d"}, state);
      add(observer, images.narrow(0, 4, 1), {"e"}, state);
      const std::string report = error_text<bad_feature_error>([&] { observer.expect_sound_sync(state); });
      EXPECT_EQ(report, report_of_cpu(all.host, options, images, names)) << bad << " " << share;
    }
}

// The sample may miss the infinity, and a later layer, where it has spread, not.
TEST(observe_device, pixels_that_are_not_sampled_are_checked_too) {
  const three_ways all;
  const observe_options options{.sample_pixels = 1. / 16};
  for (std::int64_t pixel = 0; pixel < 40; pixel += 13) {
    at::Tensor images = at::rand({2, 3, 40, 40});
    images[1][0][pixel][pixel] = std::numeric_limits<float>::infinity();
    const auto observer = all.device.observer(options);
    calibration_state state;
    add(observer, images, two_names, state);
    EXPECT_EQ(error_text<bad_feature_error>([&] { observer.expect_sound_sync(state); }),
              report_of_cpu(all.host, options, images, two_names))
        << pixel;
  }
}

// The second image is bad from the first layer on, the first one only behind the second.
TEST(observe_device, of_all_that_is_bad_the_first_image_is_named) {
  const three_ways all;
  for (const observed_network* one : {&all.host, &all.device}) one->net.module.attr("b").toModule().attr("weight").toTensor().mul_(1e30F);
  at::Tensor images = batch_of(2, 1);
  images[0].mul_(1e10F);
  images[1][0][3][3] = not_a_number;
  const auto observer = all.device.observer({});
  calibration_state state;
  add(observer, images, two_names, state);
  const std::string report = error_text<bad_feature_error>([&] { observer.expect_sound_sync(state); });
  EXPECT_EQ(report, report_of_cpu(all.host, {}, images, two_names));
  SIRFP_EXPECT_HAS(report, "layer b (aten::conv2d, image one.jpg)");
}

// Only the second convolution overflows: the site in front of it and the layer before are sound.
TEST(observe_device, of_all_that_is_bad_the_layer_that_runs_first_is_named) {
  const three_ways all;
  for (const observed_network* one : {&all.host, &all.device}) one->net.module.attr("b").toModule().attr("weight").toTensor().fill_(1e38F);
  calibration_state state;
  const auto observer = all.device.observer({.edges = true});
  add(observer, batch_of(2, 1), two_names, state);
  const std::string report = error_text<bad_feature_error>([&] { observer.expect_sound_sync(state); });
  EXPECT_EQ(report, report_of_cpu(all.host, {.edges = true}, batch_of(2, 1), two_names));
  SIRFP_EXPECT_HAS(report, "layer b (aten::conv2d, image one.jpg)");
}

// Finite as it is, and beyond fp32 less its mean.
TEST(observe_device, what_leaves_the_range_of_fp32_is_named_by_layer_and_image) {
  observed_network all;
  at::Tensor weight = at::zeros({2, 3, 1, 1});
  weight[0][0] = 3e38F;
  weight[1][1] = 1;
  all.ctx = cuda_context(0, nullptr, make_thread_pool(1));
  all.net = adapter::load_network(plain_network()
                                      .child("a", weight, "torch.conv2d(x, self.weight)")
                                      .child("b", at::zeros({4, 2, 1, 1}), "torch.conv2d(x, self.weight)")
                                      .define("def forward(self, x):\n  return self.b.forward(self.a.forward(x))\n"));
  all.captured = adapter::capture(all.net, at::rand({1, 3, 8, 8}));
  all.graph = analyse_channels(all.captured.ops);
  at::Tensor images = at::ones({2, 3, 8, 10});
  images[1][0][3][4] = -1;
  const auto observer = all.observer({.similarities = false});
  calibration_state state;
  add(observer, images, two_names, state);
  EXPECT_EQ(
      error_text<bad_feature_error>([&] { observer.expect_sound_sync(state); }),
      "feature map of input b (aten::conv2d, image two.jpg) holds values that leave the range of fp32 once they are weighted or centred");
}

TEST(observe_device, a_bad_batch_that_is_waited_for_counts_nothing) {
  const three_ways all;
  for (const accumulation mode : {accumulation::mean, accumulation::ema})
    for (const std::int64_t which : {0, 1}) {
      const observe_options options{.similarity = {.mode = mode, .ema_rate = 0.5}, .edges = true, .wait_for_each = true};
      const auto observer = all.device.observer(options);
      calibration_state state;
      add(observer, batch_of(2, 1), two_names, state);
      at::Tensor bad = batch_of(2, 5);
      bad[which][0][3][3] = not_a_number;
      const std::string report = error_text<bad_feature_error>([&] { add(observer, bad, {"x", "y"}, state); });
      SIRFP_EXPECT_HAS(report, which == 0 ? "image x) holds a NaN or an infinity" : "image y) holds a NaN or an infinity");
      add(observer, batch_of(1, 2), {"three.jpg"}, state);
      observer.expect_sound_sync(state);
      const calibration_state good = observed(all.device, options);
      for (const auto& [name, layer] : state.layers) {
        EXPECT_EQ(layer.images, 3);
        EXPECT_EQ(mean_redundancy_sync(layer), mean_redundancy_sync(good.layers.at(name)));
      }
      for (const auto& [name, site] : state.sites) EXPECT_EQ(moments_sync(site).covariance, moments_sync(good.sites.at(name)).covariance);
    }
}

TEST(observe_device, out_of_memory_names_the_bytes_and_the_next_run_is_right) {
  const three_ways all;
  const auto observer = all.device.observer();
  calibration_state state;
  const std::string report = [&] {
    const emulator::faults made({.memory_bytes = emulator::live_bytes() + 1000});
    return error_text<failure>([&] { add(observer, batch_of(2, 1), two_names, state); });
  }();
  SIRFP_EXPECT_HAS(report, "out of device memory: ");
  SIRFP_EXPECT_HAS(report, " bytes asked for, ");
  expect_same_states({});
}

// Nobody waits, so that the sums are the state's own while the batch is parted.
TEST(observe_device, a_batch_that_does_not_fit_is_counted_in_parts) {
  constexpr double rounding = 1e-6;  // sums in fp32 in another order, of values below 1; an image more or less is a quarter
  for (const bool wait : {false, true}) {
    const three_ways all, limited;
    limit_memory(limited.device, 1);
    calibration_state whole, parts;
    const auto in_parts = limited.device.observer({.edges = true, .wait_for_each = wait});
    for (int batch = 1; batch < 3; ++batch) {
      add(all.device.observer({.edges = true}), batch_of(2, static_cast<std::uint64_t>(batch)), two_names, whole);
      add(in_parts, batch_of(2, static_cast<std::uint64_t>(batch)), two_names, parts);
    }
    in_parts.expect_sound_sync(parts);
    EXPECT_EQ(in_parts.images_at_once(), 1);
    ASSERT_EQ(parts.layers.size(), whole.layers.size());
    for (const auto& [name, layer] : whole.layers) {
      EXPECT_EQ(parts.layers.at(name).images, 4);
      const std::vector<double> got = mean_redundancy_sync(parts.layers.at(name)), expected = mean_redundancy_sync(layer);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], rounding) << name;
    }
    for (const auto& [name, site] : whole.sites) {
      const moments got = moments_sync(parts.sites.at(name)), expected = moments_sync(site);
      EXPECT_EQ(got.weight, expected.weight);
      // fp32 sums of other shifts, METHOD 8
      expect_as_good(got.covariance, expected.covariance, expected.covariance, site.channels, name);
    }
  }
}

// The image's name is right in the parts, too.
TEST(observe_device, a_bad_image_of_a_parted_batch_is_named) {
  const three_ways all;
  limit_memory(all.device, 1);
  const auto observer = all.device.observer();
  at::Tensor batch = batch_of(2, 1);
  batch[1][0][0][0] = not_a_number;
  calibration_state state;
  add(observer, batch, two_names, state);
  SIRFP_EXPECT_HAS(error_text<bad_feature_error>([&] { observer.expect_sound_sync(state); }), "two.jpg");
}

TEST(observe_device, tensors_elsewhere_are_refused) {
  const three_ways all;
  calibration_state state;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { all.device.observer().add(batch_of(1, 1), {"x"}, state); }),
                   "which is not in the memory of backend cuda's device");
}

// Its kernels would not wait for the operators that write the maps.
TEST(observe_device, another_stream_than_torchs_is_refused) {
  three_ways all;
  int elsewhere = 0;
  all.device.ctx.stream = &elsewhere;
  calibration_state state;
  const auto observer = all.device.observer();
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { add(observer, batch_of(1, 1), {"x"}, state); }),
                   "a feature map on cpu: the context has another stream than Torch's current one there");
}

TEST(observe_device, nothing_is_left_behind) {
  const std::size_t before = emulator::live_allocations();
  {
    const three_ways all;
    observed(all.device, {.edges = true});
  }
  EXPECT_EQ(emulator::live_allocations(), before);
}

// The engine's own operators are no part of the autocast passes.
TEST(observe_device, weights_of_bf16_passes_are_fp32) {
  const three_ways all;
  const observe_options options{.pixel_weights = observe_options::weighting::edge_aware};
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const calibration_state exact = observed(all.exact, options), host = observed(all.host, options), device = observed(all.device, options);
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  for (const auto& [name, layer] : device.layers)
    expect_as_good(mean_redundancy_sync(layer), mean_redundancy_sync(host.layers.at(name)), mean_redundancy_sync(exact.layers.at(name)),
                   layer.channels, name);
}

// A promised number of images decides whether there are pixels enough for a reader's taps, by a weight that is in a device's notes.
TEST(observe_device, taps_are_fitted_as_on_the_cpu) {
  at::set_num_threads(1);
  script_network net(1);
  redundant_producer(net, "a");
  net.conv("head", {.in = 8, .out = 3, .kernel = 3, .bias = false});
  const at::Tensor images = script_network(9).normal({2, 3, 24, 24});
  const joint_network all(net.build("  return self.head.forward(self.a.forward(x))\n"), images);
  const context device = cuda_context(0, nullptr, make_thread_pool(1));
  const channel_mask mask = mask_without(all.graph, "a", redundant);
  const auto refitted = [&](const context& ctx, bool by_taps) {
    const adapter::refit_options options{.lambda = 1e-3, .by_taps = by_taps, .images = 2};
    return adapter::refit(ctx, all.net, all.captured, all.graph, mask, adapter::in_turn({images.clone()}), options)
        .tensors.at("head.weight")
        .clone();
  };
  const at::Tensor wanted = refitted(reference_context(), true), without = refitted(reference_context(), false);
  at::Tensor found;
  {
    const emulated_tensors on_device;
    found = refitted(device, true);
  }
  EXPECT_GT(adapter::relative_difference(without, wanted, wanted), 1e-3) << "they are told apart";
  EXPECT_LE(adapter::relative_difference(found, wanted, wanted), 1e-5);
}

// What planning starts from, and the sweep: the kernels' states through the rest of the adapter.
TEST(observe_device, joint_sites_and_refit_are_those_of_the_cpu) {
  at::set_num_threads(1);
  const auto build = [] {
    script_network net(1);
    redundant_producer(net, "a");
    net.conv("head", {.in = 8, .out = 3, .kernel = 3, .bias = false});
    return net.build("  return self.head.forward(self.a.forward(x))\n");
  };
  const at::Tensor images = script_network(9).normal({2, 3, 10, 10});
  const joint_network all(build(), images);
  const context device = cuda_context(0, nullptr, make_thread_pool(1));
  const channel_mask mask = mask_without(all.graph, "a", redundant);
  const adapter::refit_options options{.lambda = 1e-6};
  calibration_state state;
  adapter::compensated_weights weights;
  {
    const emulated_tensors on_device;
    const adapter::observer observer(device, all.net, all.captured, all.graph, {});
    observer.add(images.clone(), two_names, state);
    const std::size_t before = emulator::bytes_to_host();
    weights = adapter::refit(device, all.net, all.captured, all.graph, mask, adapter::in_turn({images.clone()}), options);
    const auto notes = static_cast<std::size_t>(device.backend->note_words()) * sizeof(double);
    EXPECT_LE(emulator::bytes_to_host() - before, 4 * notes) << "of two fits, notes and nothing else";
  }
  const auto sites = adapter::joint_sites(device, all.net, all.captured, all.graph, state.sites), wanted = all.sites();
  ASSERT_EQ(sites.size(), wanted.size());
  for (std::size_t s = 0; s < sites.size(); ++s) {
    EXPECT_EQ(sites[s].matrices.metric.space(), memory_space::cuda) << "they stay where they were made";
    const auto got = sites[s].matrices.metric.to_host_sync(), expected = wanted[s].matrices.metric.to_host_sync();
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], 1e-4 * std::max(1.0, std::abs(expected[i]))) << sites[s].site->name;
  }
  const auto order = rank_joint(device, all.graph, sites).front().order;
  EXPECT_EQ(order, rank_joint(reference_context(), all.graph, wanted).front().order);
  const at::Tensor reference = all.output();
  EXPECT_LE(adapter::relative_difference(all.masked_output(mask, weights), reference, reference), 2e-4);
}

}  // namespace
}  // namespace sirfp::test
