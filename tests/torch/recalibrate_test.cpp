// BatchNorm recalibration: afterwards the statistics are those of what the cut network's layers see.
#include "sirfp/adapter/recalibrate.hpp"

#include <gtest/gtest.h>

#include "../support/aten_threads.hpp"
#include "../support/error_text.hpp"
#include "../support/joint_network.hpp"
#include "../support/script_network.hpp"

namespace sirfp::test {
namespace {

// Norms behind convolutions, a sum, a concatenation and a depthwise convolution.
torch::jit::Module normed_network(script_network& net) {
  net.conv("first", {.in = 3, .out = 8, .kernel = 3, .padding = 1});
  net.batch_norm("norm1", 8);
  net.conv("second", {.in = 8, .out = 8, .kernel = 3, .padding = 1, .bias = false});
  net.batch_norm("norm2", 8);
  net.conv("depthwise", {.in = 8, .out = 8, .kernel = 3, .groups = 8, .bias = false});
  net.batch_norm("norm3", 8);
  net.batch_norm("norm4", 16);
  net.conv("third", {.in = 16, .out = 6});
  net.conv("head", {.in = 6, .out = 3});
  return net.build(
      "  a = torch.relu_(self.norm1.forward(self.first.forward(x)))\n"
      "  b = torch.relu(self.norm2.forward(self.second.forward(a)) + a)\n"
      "  c = self.norm3.forward(self.depthwise.forward(b))\n"
      "  d = torch.tanh(self.norm4.forward(torch.cat([c, a[:, :, 1:-1, 1:-1]], 1)))\n"
      "  return self.head.forward(torch.relu(self.third.forward(d)))\n");
}

struct recalibrated_network {
  script_network maker;
  joint_network all;
  channel_mask mask;
  explicit recalibrated_network(std::uint64_t seed)
      : maker(seed), all(normed_network(maker), maker.normal({5, 3, 9, 8})), mask(full_mask(all.graph)) {}

  void cut(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    mask = random_mask(all.graph, random);
  }
  adapter::compensated_weights recalibrated(adapter::compensated_weights weights, const adapter::sweep_options& options = {}) const {
    return adapter::recalibrate(all.net, all.captured, all.graph, mask, std::move(weights), adapter::in_turn(all.images.split(2)), options);
  }
  adapter::network slim(const adapter::compensated_weights& weights) const {
    return adapter::slim_network(all.net, all.captured, all.graph, plan_of(all.captured.ops, all.graph, all.captured.fingerprint, mask),
                                 weights);
  }
};

// Compares what every norm reads with the statistics that it is given.
class norm_check final : public adapter::run_listener {
 public:
  void before(const torch::jit::Node* node, torch::jit::Stack& inputs) override {
    if (node->kind() != c10::Symbol::fromQualString("aten::batch_norm")) return;
    ++norms;
    const at::Tensor rows = inputs[0].toTensor().transpose(0, 1).flatten(1);
    const auto differs = [](const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); };
    worst = std::max(worst, differs(rows.mean(1), inputs[3].toTensor()));
    worst = std::max(worst, differs(rows.var(1, /*unbiased=*/true), inputs[4].toTensor()));
  }
  void after(const torch::jit::Node*, const std::vector<c10::IValue>&) override {}
  int norms = 0;
  double worst = 0;
};

norm_check checked(const adapter::network& net, const at::Tensor& images) {
  norm_check check;
  adapter::run(net, images, &check);
  return check;
}

TEST(recalibrate, leaves_the_statistics_of_what_every_norm_reads) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    recalibrated_network cut(seed);
    cut.cut(seed);
    for (const bool refit : {true, false}) {
      const auto before = refit ? cut.all.refitted(cut.mask, {}) : cut.all.compensated(cut.mask, 1e-3);
      EXPECT_GT(checked(cut.slim(before), cut.all.images).worst, 1e-2) << "seed " << seed;
      const auto after = cut.recalibrated(before);
      const norm_check found = checked(cut.slim(after), cut.all.images);
      EXPECT_EQ(found.norms, 4);
      EXPECT_LE(found.worst, 1e-5) << "seed " << seed << ", refit " << refit;
      EXPECT_TRUE(after.notes.empty());
      EXPECT_LE(
          adapter::relative_difference(cut.all.masked_output(cut.mask, after), cut.all.slim_output(cut.mask, after), cut.all.output()),
          1e-9)
          << "masked and slim, seed " << seed;
    }
  }
}

TEST(recalibrate, removed_channels_keep_what_they_had) {
  recalibrated_network cut(7);
  cut.cut(7);
  const auto after = cut.recalibrated({});
  const auto group = static_cast<std::size_t>(cut.all.group_of("first"));
  const at::Tensor before = cut.all.net.module.attr("norm1").toModule().attr("running_var").toTensor();
  const at::Tensor now = after.tensors.at("norm1.running_var");
  int removed = 0;
  for (std::size_t c = 0; c < 8; ++c) {
    const auto at = static_cast<std::int64_t>(c);
    EXPECT_EQ(now[at].item<double>() == before[at].item<double>(), cut.mask[group][c] == 0) << c;
    removed += cut.mask[group][c] == 0;
  }
  EXPECT_GT(removed, 0);
}

TEST(recalibrate, without_removal_changes_statistics_only_and_the_second_time_nothing) {
  const recalibrated_network dense(8);
  const auto once = dense.recalibrated({});
  EXPECT_EQ(once.tensors.size(), 8u);
  for (const auto& [name, tensor] : once.tensors) EXPECT_NE(name.find(".running_"), std::string::npos) << name;
  const auto twice = dense.recalibrated(once);
  ASSERT_EQ(twice.tensors.size(), 8u);
  for (const auto& [name, tensor] : twice.tensors) EXPECT_TRUE(at::equal(tensor, once.tensors.at(name))) << name;
  EXPECT_LE(checked(dense.slim(once), dense.all.images).worst, 1e-5);
}

TEST(recalibrate, memory_on_disk_does_not_change_it) {
  recalibrated_network cut(9);
  const aten_threads three(3);
  cut.cut(9);
  const auto in_memory = cut.recalibrated({});
  ASSERT_FALSE(in_memory.tensors.empty());
  for (const std::int64_t memory : {0, 20000})
    for (const auto& [name, tensor] : cut.recalibrated({}, {.memory = memory}).tensors)
      EXPECT_TRUE(at::equal(tensor, in_memory.tensors.at(name))) << name << ", memory " << memory;
}

TEST(recalibrate, statistics_that_several_operators_read_are_left_and_said) {
  script_network maker(10);
  maker.conv("first", {.in = 3, .out = 6});
  maker.conv("second", {.in = 6, .out = 6});
  maker.batch_norm("norm", 6);
  maker.batch_norm("own", 6);
  maker.conv("head", {.in = 6, .out = 2});
  const joint_network all(maker.build("  y = torch.relu(self.norm.forward(self.first.forward(x)))\n"
                                      "  z = self.own.forward(torch.relu(self.norm.forward(self.second.forward(y))))\n"
                                      "  return self.head.forward(z)\n"),
                          maker.normal({3, 3, 6, 6}));
  std::mt19937_64 random(10);
  const channel_mask mask = random_mask(all.graph, random);
  const auto after = adapter::recalibrate(all.net, all.captured, all.graph, mask, {}, adapter::in_turn({all.images}), {});
  EXPECT_EQ(after.notes, std::vector<std::string>{"norm.running_mean is not recalibrated: several operators read it"});
  EXPECT_TRUE(after.tensors.contains("own.running_mean"));
  EXPECT_FALSE(after.tensors.contains("norm.running_mean"));
  EXPECT_FALSE(after.tensors.contains("norm.running_var"));
}

TEST(recalibrate, no_images_are_refused) {
  const recalibrated_network dense(11);
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] {
                     adapter::recalibrate(dense.all.net, dense.all.captured, dense.all.graph, dense.mask, {}, adapter::in_turn({}), {});
                   }),
                   "no images to run the network on");
}

}  // namespace
}  // namespace sirfp::test
