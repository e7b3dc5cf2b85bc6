// Edge scores of maps that several blocks share, and of many small ones that share a block.
#include <gtest/gtest.h>

#include "edge_score_plan.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/edge_score.hpp"
#include "support/placed_features.hpp"

namespace sirfp::test {
namespace {

void expect_as_reference(const feature_case& c) {
  const feature_data data(c);
  const context ctx = cuda_context(0, nullptr, make_thread_pool(1));
  edge_state got;
  accumulate_edge_score(ctx, placed_features(ctx, data).view(), got);
  edge_state expected;
  accumulate_edge_score(reference_context(), data.map.view(), expected);
  const std::vector<double> a = edge_score_sync(got);
  const std::vector<double> b = edge_score_sync(expected);
  for (std::size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-6 * b[k] + 1e-12) << c << ", channel " << k;
}

TEST(edge_score_splits, large_maps) {
  EXPECT_GT(plan_edge_score(1, 2, 200, 301, 200 * 301, 1).splits, 1);
  expect_as_reference({{1, 2, 200, 301}});
  expect_as_reference({{1, 33, 65, 70}, dtype::f16, layout::nhwc});
}

TEST(edge_score_splits, patches_at_every_end) {
  for (const std::int64_t height : {1, 2, 15, 16, 17, 31, 32, 33})
    for (const std::int64_t width : {1, 3, 4, 5, 7, 8, 9}) {
      expect_as_reference({{1, 3, height, width}});
      expect_as_reference({{1, 3, height, width}, dtype::f16, layout::padded_nhwc});
    }
}

TEST(edge_score_splits, many_small_maps) {
  EXPECT_GT(plan_edge_score(2, 300, 7, 7, 49, 1).channels_abreast, 1);
  expect_as_reference({{2, 300, 7, 7}});
  expect_as_reference({{2, 300, 7, 7}, dtype::bf16, layout::nhwc});
  expect_as_reference({{1, 257, 1, 1}});
}

}  // namespace
}  // namespace sirfp::test
