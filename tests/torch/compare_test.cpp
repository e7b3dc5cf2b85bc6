// Differences, agreement and scores against counts made by hand.
#include "sirfp/adapter/compare.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../support/error_text.hpp"
#include "../support/plain_network.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

// Logits [1, classes, 1, n] whose argmax is `prediction`.
at::Tensor logits_of(const std::vector<std::int64_t>& prediction, std::int64_t classes) {
  const auto indices = at::tensor(prediction, at::kLong).view({1, 1, 1, -1});
  return at::zeros({1, classes, 1, static_cast<std::int64_t>(prediction.size())}).scatter_(1, indices, 1.0);
}
at::Tensor labels_of(const std::vector<std::int64_t>& labels) { return at::tensor(labels, at::kLong).to(at::kByte).view({1, 1, -1}); }

TEST(compare, relative_difference) {
  const at::Tensor a = at::tensor({1.0, -4.0});
  EXPECT_DOUBLE_EQ(adapter::relative_difference(a, at::tensor({1.5, -4.0}), a), 0.125);
  EXPECT_EQ(adapter::relative_difference(at::zeros({3}), at::zeros({3}), at::zeros({3})), 0);
  EXPECT_TRUE(std::isinf(adapter::relative_difference(at::ones({3}), at::zeros({3}), at::zeros({3}))));
  EXPECT_TRUE(std::isnan(adapter::relative_difference(at::full({3}, std::nan("")), a.narrow(0, 0, 1).expand({3}), at::ones({3}))));
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { adapter::relative_difference(a, at::ones({3}), a); }), "[2], [3] and [2]");
}

TEST(compare, agreement_adds_up_over_batches) {
  adapter::agreement seen;
  EXPECT_EQ(seen.share(), 0);
  seen.add(logits_of({0, 1, 2, 2}, 3), logits_of({0, 1, 1, 2}, 3));
  seen.add(logits_of({1}, 3), logits_of({0}, 3));
  EXPECT_EQ(seen.same, 3);
  EXPECT_EQ(seen.pixels, 5);
  EXPECT_DOUBLE_EQ(seen.share(), 0.6);
  EXPECT_THROW(seen.add(logits_of({1}, 3), logits_of({1, 1}, 3)), invalid_argument);
}

TEST(compare, output_error_is_over_everything_added) {
  const at::Tensor y = at::tensor({1.0, 2.0, 3.0, 10.0}) + 1e6;
  const at::Tensor off = at::tensor({0.0, 1.0, 0.0, -2.0});
  adapter::output_error error;
  error.add((y + off).narrow(0, 0, 1), y.narrow(0, 0, 1));
  error.add((y + off).narrow(0, 1, 3), y.narrow(0, 1, 3));
  EXPECT_NEAR(error.relative(), 5.0 / (9 + 4 + 1 + 36), 1e-9);
}

TEST(compare, output_error_of_what_does_not_vary_is_unknown) {
  adapter::output_error error;
  EXPECT_TRUE(std::isnan(error.relative()));
  error.add(at::ones({3}), at::zeros({3}));
  EXPECT_TRUE(std::isnan(error.relative()));
  EXPECT_THROW(error.add(at::ones({3}), at::zeros({2})), invalid_argument);
}

TEST(compare, score_skips_void_and_counts_void_predictions_as_wrong) {
  adapter::segmentation_score score(3, 255);
  // Classes 0..2 and a fourth output for void. Labelled: 0 0 1 1 255 1; predicted 0 1 1 3 2 0.
  score.add(logits_of({0, 1, 1, 3, 2, 0}, 4), labels_of({0, 0, 1, 1, 255, 1}));
  // class 0: hit 1, label 2, predicted 2 -> 1/3.  class 1: hit 1, label 3, predicted 2 -> 1/4.  class 2: nowhere counted.
  const auto iou = score.class_iou();
  EXPECT_DOUBLE_EQ(iou[0], 1.0 / 3);
  EXPECT_DOUBLE_EQ(iou[1], 1.0 / 4);
  EXPECT_TRUE(std::isnan(iou[2]));
  EXPECT_DOUBLE_EQ(score.mean_iou(), (1.0 / 3 + 1.0 / 4) / 2);
  EXPECT_DOUBLE_EQ(score.pixel_accuracy(), 2.0 / 5);
  score.add(logits_of({2, 2}, 4), labels_of({0, 255}));
  EXPECT_DOUBLE_EQ(score.class_iou()[0], 1.0 / 4);
  EXPECT_DOUBLE_EQ(score.class_iou()[2], 0);
}

TEST(compare, score_refuses_labels_out_of_range_or_of_another_size) {
  adapter::segmentation_score score(3, 255);
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] {
                     score.add(logits_of({0, 1}, 3), labels_of({0, 7}));
                   }),
                   "label 7, expected 0 to 2 or 255");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] {
                     score.add(logits_of({0, 1}, 3), labels_of({0, 1, 2}));
                   }),
                   "labels of shape [1, 1, 3]");
  EXPECT_TRUE(std::isnan(score.mean_iou()));
  EXPECT_THROW(adapter::segmentation_score(0, 1), invalid_argument);
}

TEST(compare, forward_seconds_is_positive_also_for_widened_networks) {
  for (const auto type : {at::kFloat, at::kHalf}) {
    const auto net = adapter::load_network(
        plain_network()
            .tensor("weight", at::randn({4, 3, 1, 1}).to(type))
            .define("def forward(self, x):\n  return torch.conv2d(x.to(" + std::to_string(static_cast<int>(type)) + "), self.weight)\n"));
    EXPECT_GT(adapter::forward_seconds(net, at::rand({1, 3, 8, 8}), 2), 0);
  }
}

}  // namespace
}  // namespace sirfp::test
