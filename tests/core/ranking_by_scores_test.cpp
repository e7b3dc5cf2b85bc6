#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sirfp/expects.hpp"
#include "sirfp/ranking.hpp"
#include "support/error_text.hpp"
#include "support/hand_made_graph.hpp"

namespace sirfp {
namespace {

using order = std::vector<std::int32_t>;

TEST(ranking_by_scores, lowest_score_goes_first_and_ties_by_index) {
  test::hand_made_graph made;
  made.group(5);
  const auto ranking = rank_by_scores(made.graph, {{3, -1, 2, -1, 3}});
  ASSERT_EQ(ranking.size(), 1u);
  EXPECT_EQ(ranking[0].order, (order{1, 3, 2, 0, 4}));
  EXPECT_EQ(ranking[0].scores, (std::vector<double>{-1, -1, 2, 3, 3}));
  EXPECT_EQ(ranking[0].marginals, std::vector<double>(5, 0));
  EXPECT_EQ(ranking[0].group, 0);
}

// The channels of a group with blocks (grouped convolutions) take turns in them: 0 and 2 in the first, 1 and 3 in the second.
TEST(ranking_by_scores, blocks_are_units_of_their_own) {
  test::hand_made_graph made;
  made.group(4, 2);
  const auto ranking = rank_by_scores(made.graph, {{4, 1, 3, 2}});
  ASSERT_EQ(ranking.size(), 2u);
  EXPECT_EQ(ranking[0].order, (order{2, 0}));
  EXPECT_EQ(ranking[1].order, (order{1, 3}));
  EXPECT_EQ(ranking[1].name, "group0/1");
}

TEST(ranking_by_scores, locked_groups_are_left_out) {
  test::hand_made_graph made;
  made.group(2);
  made.group(3);
  made.graph.groups[0].locked = true;
  const auto ranking = rank_by_scores(made.graph, {{1, 2}, {3, 2, 1}});
  ASSERT_EQ(ranking.size(), 1u);
  EXPECT_EQ(ranking[0].group, 1);
  EXPECT_EQ(ranking[0].order, (order{2, 1, 0}));
}

TEST(ranking_by_scores, refuses) {
  test::hand_made_graph made;
  made.group(2);
  const auto refusal = [&](const std::vector<std::vector<double>>& scores) {
    return test::error_text<invalid_argument>([&] { rank_by_scores(made.graph, scores); });
  };
  SIRFP_EXPECT_HAS(refusal({}), "scores of 0 groups, expected 1");
  SIRFP_EXPECT_HAS(refusal({{1, 2, 3}}), "group group0: 3 scores, expected 2");
  SIRFP_EXPECT_HAS(refusal({{1, std::nan("")}}), "group group0: score nan, expected a finite number");
  SIRFP_EXPECT_HAS(refusal({{-std::numeric_limits<double>::infinity(), 1}}), "score -inf");
}

}  // namespace
}  // namespace sirfp
