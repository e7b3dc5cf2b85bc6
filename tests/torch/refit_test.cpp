// The sequential refit: exact where the kept channels know the others, and better than one prediction a site where errors add up.
#include <gtest/gtest.h>

#include "../support/aten_threads.hpp"
#include "../support/error_text.hpp"
#include "../support/joint_network.hpp"
#include "../support/redundant_network.hpp"
#include "../support/script_network.hpp"

namespace sirfp::test {
namespace {

// Sums are made of float32 features: exactness is to that.
constexpr double exact = 2e-4;

struct refit_outcome {
  double with = 0;     // relative difference of the masked network's output
  double without = 0;  // the same without any compensation
  adapter::compensated_weights weights;
};

refit_outcome refit_without(const torch::jit::Module& module, const std::string& producer, const std::vector<std::size_t>& removed,
                            double lambda = 1e-10) {
  const joint_network all(module, script_network(9).normal({2, 3, 10, 10}));
  const channel_mask mask = mask_without(all.graph, producer, removed);
  refit_outcome found;
  found.weights = all.refitted(mask, {.lambda = lambda});
  const at::Tensor reference = all.output(), masked = all.masked_output(mask, found.weights);
  EXPECT_LE(adapter::relative_difference(masked, all.slim_output(mask, found.weights), reference), 1e-9);
  found.with = adapter::relative_difference(masked, reference, reference);
  found.without = adapter::relative_difference(all.masked_output(mask, {}), reference, reference);
  return found;
}

void expect_no_trace(const refit_outcome& found) {
  EXPECT_LE(found.with, exact);
  EXPECT_GE(found.without, 1e-2);
  EXPECT_TRUE(found.weights.notes.empty());
}

TEST(refit, redundant_channels_leave_no_trace_in_a_convolution) {
  for (const bool bias : {true, false}) {
    script_network net(1);
    redundant_producer(net, "a");
    net.conv("head", {.in = 8, .out = 3, .kernel = 3, .bias = bias});
    const refit_outcome found = refit_without(net.build("  return self.head.forward(self.a.forward(x))\n"), "a", redundant);
    expect_no_trace(found);
    if (bias)
      EXPECT_TRUE(found.weights.added_biases.empty());
    else
      EXPECT_EQ(found.weights.added_biases, (std::map<std::string, std::string>{{"head.weight", "head.bias"}}));
    const at::Tensor weight = found.weights.tensors.at("head.weight");
    EXPECT_EQ(weight.sizes(), (at::IntArrayRef{3, 8, 3, 3}));
    EXPECT_EQ(weight.slice(1, 5).abs().max().item<double>(), 0) << "removed columns";
  }
}

TEST(refit, batch_norm_that_alone_reads_the_output_takes_the_offset) {
  script_network net(2);
  redundant_producer(net, "a");
  net.conv("b", {.in = 8, .out = 6, .kernel = 3, .bias = false});
  net.batch_norm("norm", 6);
  net.conv("head", {.in = 6, .out = 3});
  const refit_outcome found = refit_without(
      net.build("  return self.head.forward(torch.relu(self.norm.forward(self.b.forward(self.a.forward(x)))))\n"), "a", redundant);
  expect_no_trace(found);
  EXPECT_TRUE(found.weights.added_biases.empty());
  EXPECT_TRUE(found.weights.tensors.contains("norm.running_mean"));
}

TEST(refit, transposed_convolution) {
  script_network net(3);
  redundant_producer(net, "a", false);
  net.conv("up", {.in = 8, .out = 4, .kernel = 2, .stride = 2, .bias = false, .transposed = true});
  net.conv("head", {.in = 4, .out = 3});
  expect_no_trace(refit_without(net.build("  return self.head.forward(torch.tanh(self.up.forward(self.a.forward(x))))\n"), "a", redundant));
}

TEST(refit, linear_layer_over_tokens) {
  for (const bool bias : {true, false}) {
    script_network net(4);
    redundant_producer(net, "a");
    net.linear("head", 8, 3, bias);
    expect_no_trace(
        refit_without(net.build("  return self.head.forward(torch.permute(self.a.forward(x), [0, 2, 3, 1]))\n"), "a", redundant));
  }
}

TEST(refit, grouped_convolutions_fit_each_block_from_its_own) {
  for (const auto& [transposed, bias] : {std::pair{false, false}, {false, true}, {true, false}}) {
    script_network net(5);
    block_redundant_producer(net);
    net.conv("b", {.in = 8, .out = 6, .kernel = 3, .groups = 2, .bias = bias, .transposed = transposed});
    const std::string inside = transposed ? "[:, :, 2:-2, 2:-2]" : "";  // its border sees some of the taps only
    const refit_outcome found = refit_without(net.build("  return self.b.forward(self.a.forward(x))" + inside + "\n"), "a", {3, 7});
    expect_no_trace(found);
    EXPECT_EQ(found.weights.tensors.at("b.bias").numel(), 6);
  }
}

// Averages keep what is linear in the channels; each channel keeps its own kernel.
TEST(refit, depthwise_in_between) {
  script_network net(6);
  redundant_producer(net, "a");
  net.layer("depthwise", {{"weight", net.normal({1, 1, 3, 3}).expand({8, 1, 3, 3}).contiguous()}},
            "torch.conv2d(x, self.weight, None, [1, 1], [0, 0], [1, 1], 8)");
  net.conv("head", {.in = 8, .out = 3});
  expect_no_trace(refit_without(net.build("  return self.head.forward(self.depthwise.forward(self.a.forward(x)))\n"), "a", redundant));
}

TEST(refit, two_readers_of_one_site) {
  script_network net(7);
  redundant_producer(net, "a");
  net.conv("left", {.in = 8, .out = 2});
  net.conv("right", {.in = 8, .out = 2, .kernel = 1, .bias = false});
  expect_no_trace(refit_without(
      net.build("  y = self.a.forward(x)\n  return torch.cat([self.left.forward(y), torch.tanh(self.right.forward(y))], 1)\n"), "a",
      redundant));
}

TEST(refit, nothing_removed_changes_nothing) {
  script_network net(8);
  redundant_producer(net, "a");
  net.conv("head", {.in = 8, .out = 3, .kernel = 3});
  const joint_network all(net.build("  return self.head.forward(torch.relu(self.a.forward(x)))\n"), net.normal({1, 3, 8, 8}));
  const adapter::compensated_weights weights = all.refitted(full_mask(all.graph), {});
  EXPECT_TRUE(weights.tensors.empty());
  EXPECT_TRUE(weights.added_biases.empty());
  EXPECT_TRUE(weights.notes.empty());
}

struct deep_network {
  script_network maker;
  joint_network all;
  channel_mask mask;
  explicit deep_network(std::uint64_t seed) : maker(seed), all(build(maker), maker.normal({4, 3, 10, 10})), mask(full_mask(all.graph)) {
    std::mt19937_64 random(seed);
    mask = random_mask(all.graph, random);
  }
  static torch::jit::Module build(script_network& net) {
    net.conv("first", {.in = 3, .out = 12, .kernel = 3, .padding = 1});
    net.conv("second", {.in = 12, .out = 12, .kernel = 3, .padding = 1});
    net.conv("head", {.in = 12, .out = 4});
    return net.build("  return self.head.forward(torch.relu_(self.second.forward(torch.relu(self.first.forward(x)))))\n");
  }
  double error(const adapter::compensated_weights& weights) const { return relative_error(all.masked_output(mask, weights), all.output()); }
};

// In front of the head, which has one tap, the refit is the best that can be done from what arrives there; the plain compensation
// predicts from what would have arrived.
TEST(refit, is_not_worse_than_plain_least_squares) {
  double product = 1;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const deep_network deep(seed);
    const double plain = deep.error(deep.all.compensated(deep.mask, 1e-6)),
                 refitted = deep.error(deep.all.refitted(deep.mask, {.lambda = 1e-6}));
    EXPECT_LE(refitted, plain * (1 + 1e-4)) << "seed " << seed;
    product *= refitted / plain;
  }
  EXPECT_LT(std::pow(product, 1. / 12), 0.97) << "on average it gains";
}

// A prediction for every tap has one a site as a special case, and sees the padding as it is.
TEST(refit, taps_of_their_own_are_not_worse_than_one_prediction) {
  double product = 1;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const deep_network deep(seed);
    const double together = deep.error(deep.all.refitted(deep.mask, {.lambda = 1e-6, .by_taps = false})),
                 by_taps = deep.error(deep.all.refitted(deep.mask, {.lambda = 1e-6}));
    product *= by_taps / together;
  }
  EXPECT_LT(std::pow(product, 1. / 12), 0.95) << "on average it gains";
}

// Behind a reader that the sweep stops at, or with another stop in between: the pass goes there later then.
constexpr const char* at_once = "  return self.second.forward(torch.relu(self.first.forward(x)))\n";
constexpr const char* later =
    "  y = torch.relu(self.first.forward(x))\n"
    "  between = self.behind.forward(torch.relu(self.before.forward(y)))\n"
    "  return self.second.forward(y) + torch.mean(between) * 0.0\n";

// y = W' Z + b by explicit least squares over all patches, written down with at::im2col and at::linalg_lstsq.
TEST(refit, taps_solve_the_least_squares_problem) {
  for (const auto& [dilation, forward] : {std::pair{1, at_once}, {2, at_once}, {1, later}}) {
    script_network net(31);
    net.conv("first", {.in = 3, .out = 6, .kernel = 3, .padding = 1});
    net.conv("second", {.in = 6, .out = 4, .kernel = 3, .stride = 2, .padding = 2, .dilation = dilation});
    net.conv("before", {.in = 6, .out = 2, .kernel = 3});
    net.conv("behind", {.in = 2, .out = 2});
    const torch::jit::Module module = net.build(forward);
    const joint_network all(module, net.normal({3, 3, 12, 14}));
    const channel_mask mask = mask_without(all.graph, "first", {1, 4});
    const adapter::compensated_weights weights = all.refitted(mask, {.lambda = 1e-12});
    const at::Tensor y = all.output().permute({1, 0, 2, 3}).flatten(1);  // [4, N P]
    const torch::jit::Module first = module.attr("first").toModule();
    const at::Tensor made = at::conv2d(all.images, first.attr("weight").toTensor(), first.attr("bias").toTensor(), 1, 1).relu();
    const at::Tensor hidden = made.index_select(1, at::tensor({0, 2, 3, 5}, at::kLong));
    at::Tensor z = at::im2col(hidden, {3, 3}, {dilation, dilation}, {2, 2}, {2, 2}).permute({1, 0, 2}).flatten(1);  // [4 * 9, N P]
    z = at::cat({z, at::ones({1, z.size(1)}, z.options())});
    const at::Tensor solved = std::get<0>(at::linalg_lstsq(z.t(), y.t())).t();  // [4, 37]
    const at::Tensor kept = weights.tensors.at("second.weight").index_select(1, at::tensor({0, 2, 3, 5}, at::kLong)).flatten(1);
    EXPECT_LE((kept - solved.narrow(1, 0, 36)).abs().max().item<double>(), 2e-3 * solved.abs().max().item<double>()) << dilation;
    EXPECT_LE((weights.tensors.at("second.bias") - solved.select(1, 36)).abs().max().item<double>(), 2e-3) << dilation;
  }
}

// Enough of the pixels serve as well as all.
TEST(refit, a_share_of_the_pixels) {
  script_network net(33);
  net.conv("first", {.in = 3, .out = 4, .kernel = 3, .padding = 1});
  net.conv("second", {.in = 4, .out = 4, .kernel = 3, .padding = 1});
  const joint_network all(net.build("  return self.second.forward(torch.relu(self.first.forward(x)))\n"), net.normal({4, 3, 40, 44}));
  const channel_mask mask = mask_without(all.graph, "first", {1});
  const auto error = [&](std::int64_t images) {
    return relative_error(all.masked_output(mask, all.refitted(mask, {.images = images})), all.output());
  };
  const double of_all = error(0), of_some = error(4);
  EXPECT_GT(of_some, of_all) << "nothing fits the pixels better than their own fit";
  EXPECT_LT(of_some, 1.15 * of_all);
}

// 54 unknowns a row and 36 pixels: one prediction a site serves, whether that was known before (1 image) or only after (1,000 were
// promised).
TEST(refit, too_few_pixels_for_taps_of_their_own) {
  script_network net(35);
  net.conv("first", {.in = 3, .out = 7, .kernel = 3, .padding = 1});
  net.conv("second", {.in = 7, .out = 4, .kernel = 3, .padding = 1});
  const joint_network all(net.build("  return self.second.forward(torch.relu(self.first.forward(x)))\n"), net.normal({1, 3, 6, 6}));
  const channel_mask mask = mask_without(all.graph, "first", {1});
  const at::Tensor expected = all.refitted(mask, {.by_taps = false}).tensors.at("second.weight");
  for (const std::int64_t images : {1, 1000})
    EXPECT_TRUE(at::equal(all.refitted(mask, {.images = images}).tensors.at("second.weight"), expected)) << images;
  EXPECT_FALSE(at::equal(all.refitted(mask, {}).tensors.at("second.weight"), expected)) << "without a count, all pixels are taken";
}

// Nothing in front of the first cut site has changed, so there both predict the same.
TEST(refit, the_first_site_is_the_plain_compensation) {
  deep_network deep(3);
  deep.mask[static_cast<std::size_t>(deep.all.group_of("second"))].assign(12, 1);
  const auto plain = deep.all.compensated(deep.mask, 1e-5), refitted = deep.all.refitted(deep.mask, {.lambda = 1e-5, .by_taps = false});
  const auto kept = [&](const at::Tensor& weight) {
    at::Tensor copy = weight.clone();
    const auto& of_group = deep.mask[static_cast<std::size_t>(deep.all.group_of("first"))];
    for (std::size_t c = 0; c < 12; ++c)
      if (of_group[c] == 0) copy.select(1, static_cast<std::int64_t>(c)).zero_();
    return copy;
  };
  // lambda is of the mean variance of all channels here and of the kept there
  EXPECT_LE(adapter::relative_difference(refitted.tensors.at("second.weight"), kept(plain.tensors.at("second.weight")),
                                         plain.tensors.at("second.weight")),
            1e-3);
  EXPECT_TRUE(refitted.tensors.contains("head.weight")) << "it repairs what is left of the error";
}

TEST(refit, batches_may_be_cut_anywhere) {
  const deep_network deep(4);
  const auto refitted = [&](std::int64_t batch) {
    return adapter::refit(reference_context(), deep.all.net, deep.all.captured, deep.all.graph, deep.mask,
                          adapter::in_turn(deep.all.images.split(batch)), {});
  };
  const auto whole = refitted(4);
  for (const std::int64_t batch : {1, 3})
    for (const auto& [name, tensor] : refitted(batch).tensors)
      EXPECT_LE(adapter::relative_difference(tensor, whole.tensors.at(name), whole.tensors.at(name)), 1e-5) << name;
}

// Sums, a concatenation, in-place operators, a view that is written through and read elsewhere, a list, a view of a parameter.
torch::jit::Module tangled_network(script_network& net) {
  net.conv("first", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  net.batch_norm("norm", 8);
  net.conv("second", {.in = 8, .out = 8, .kernel = 3, .padding = 1, .groups = 2, .bias = false});
  net.conv("third", {.in = 8, .out = 8});
  net.conv("fourth", {.in = 16, .out = 6, .kernel = 3});
  net.conv("head", {.in = 6, .out = 3});
  net.top_tensor("shift", net.normal({1, 8}));
  return net.build(
      "  shift = self.shift.view(1, 8, 1, 1)\n"
      "  a = torch.relu_(self.norm.forward(self.first.forward(x)))\n"
      "  left = a[:, 0:4]\n"
      "  b = self.second.forward(a)\n"
      "  torch.selu_(b)\n"
      "  b += a\n"
      "  c = torch.tanh(self.third.forward(b)) + shift\n"
      "  parts = [c, torch.cat([left, a[:, 4:]], 1)]\n"
      "  d = torch.relu(self.fourth.forward(torch.cat(parts, 1)))\n"
      "  return self.head.forward(d)\n");
}

TEST(refit, memory_on_disk_does_not_change_the_weights) {
  for (const std::uint64_t seed : {21, 22}) {
    script_network maker(seed);
    const joint_network all(tangled_network(maker), maker.normal({5, 3, 12, 10}));
    const aten_threads three(3);
    std::mt19937_64 random(seed);
    const channel_mask mask = random_mask(all.graph, random);
    const at::Tensor before = all.images.clone();
    const auto refitted = [&](std::int64_t memory) {
      adapter::refit_options options;
      options.sweep.memory = memory;
      return adapter::refit(reference_context(), all.net, all.captured, all.graph, mask, adapter::in_turn(all.images.split(1)), options);
    };
    const auto in_memory = refitted(std::int64_t{1} << 40);
    ASSERT_GE(in_memory.tensors.size(), 4u);
    for (const std::int64_t memory : {0, 20000, 60000}) {  // all of it, and some batches
      const auto spilled = refitted(memory);
      ASSERT_EQ(spilled.tensors.size(), in_memory.tensors.size());
      for (const auto& [name, tensor] : spilled.tensors)
        EXPECT_TRUE(at::equal(tensor, in_memory.tensors.at(name))) << name << ", seed " << seed << ", memory " << memory;
    }
    EXPECT_TRUE(at::equal(all.images, before));
  }
}

// What is in the caller's hands stays there when the sweep is stopped half way.
TEST(refit, stopped_while_memory_is_on_disk_it_leaves_the_images_whole) {
  const deep_network deep(8);
  std::vector<at::Tensor> batches = deep.all.images.split(1);
  adapter::refit_options options;
  options.sweep.memory = 0;
  options.sweep.progress = [](std::int64_t, std::int64_t) { throw std::runtime_error("stopped by the user"); };
  error_text<std::runtime_error>([&] {
    adapter::refit(reference_context(), deep.all.net, deep.all.captured, deep.all.graph, deep.mask, adapter::in_turn(batches), options);
  });
  for (const at::Tensor& batch : batches) EXPECT_TRUE(batch.isfinite().all().item<bool>());
}

TEST(refit, threads_do_not_change_the_weights) {
  const deep_network deep(5);
  const auto refitted = [&](int threads) {
    const aten_threads as_many(threads);
    return adapter::refit(cpu_context(make_thread_pool(threads)), deep.all.net, deep.all.captured, deep.all.graph, deep.mask,
                          adapter::in_turn(deep.all.images.split(1)), {});
  };
  const auto alone = refitted(1);
  ASSERT_FALSE(alone.tensors.empty());
  for (const auto& [name, tensor] : refitted(3).tensors) EXPECT_TRUE(at::equal(tensor, alone.tensors.at(name))) << name;
}

TEST(refit, progress_counts_the_sites_and_may_stop_it) {
  const deep_network deep(6);
  std::vector<std::pair<std::int64_t, std::int64_t>> calls;
  adapter::refit_options options;
  options.sweep.progress = [&](std::int64_t done, std::int64_t total) { calls.emplace_back(done, total); };
  deep.all.refitted(deep.mask, options);
  const auto sites = static_cast<std::int64_t>(deep.all.graph.sites.size());
  ASSERT_EQ(static_cast<std::int64_t>(calls.size()), sites);
  for (std::int64_t i = 0; i < sites; ++i) EXPECT_EQ(calls[static_cast<std::size_t>(i)], std::pair(i + 1, sites));
  options.sweep.progress = [](std::int64_t done, std::int64_t) {
    if (done == 2) throw std::runtime_error("stopped by the user");
  };
  SIRFP_EXPECT_HAS(error_text<std::runtime_error>([&] { deep.all.refitted(deep.mask, options); }), "stopped by the user");
}

TEST(refit, a_weight_that_several_operators_read_is_left_and_said) {
  script_network net(10);
  redundant_producer(net, "a");
  net.conv("b", {.in = 8, .out = 4, .kernel = 1, .bias = false});
  net.conv("head", {.in = 8, .out = 3});
  const refit_outcome found = refit_without(
      net.build("  y = self.a.forward(x)\n  return self.head.forward(torch.cat([self.b.forward(y), self.b.forward(torch.tanh(y))], 1))\n"),
      "a", redundant);
  ASSERT_FALSE(found.weights.notes.empty());
  SIRFP_EXPECT_HAS(found.weights.notes[0], "b.weight is not refitted: several operators read it");
}

// The original and the cut network start from the same images, and what one writes in place the other must not see.
TEST(refit, in_place_operators_stay_in_their_own_network) {
  script_network net(11);
  redundant_producer(net, "a");
  net.conv("head", {.in = 8, .out = 3});
  const joint_network all(net.build("  y = torch.selu_(x)\n  return self.head.forward(self.a.forward(y))\n"), net.normal({2, 3, 8, 8}));
  const at::Tensor before = all.images.clone();
  const channel_mask mask = mask_without(all.graph, "a", redundant);
  const auto weights = all.refitted(mask, {.lambda = 1e-10});
  EXPECT_TRUE(at::equal(all.images, before));
  const c10::InferenceMode inference;
  const adapter::network slim = adapter::slim_network(all.net, all.captured, all.graph,
                                                      plan_of(all.captured.ops, all.graph, all.captured.fingerprint, mask), weights);
  const at::Tensor reference = all.net.module.get_method("forward")({before.clone()}).toTensor();
  EXPECT_LE(adapter::relative_difference(slim.module.get_method("forward")({before.clone()}).toTensor(), reference, reference), exact);
}

TEST(refit, no_images_are_refused) {
  const deep_network deep(7);
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] {
                     adapter::refit(reference_context(), deep.all.net, deep.all.captured, deep.all.graph, deep.mask, adapter::in_turn({}),
                                    {});
                   }),
                   "no images to run the network on");
}

}  // namespace
}  // namespace sirfp::test
