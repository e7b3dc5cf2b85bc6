#include "sirfp/nearest.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "sirfp/glob.hpp"

namespace sirfp {
namespace {

TEST(nearest, fewest_edits_first_of_equals) {
  const std::vector<std::string> words{"encoder.stem", "encoder.stage", "decoder.stem"};
  EXPECT_EQ(nearest("encoder.stm", words), "encoder.stem");
  EXPECT_EQ(nearest("decder.stem", words), "decoder.stem");
  EXPECT_EQ(nearest("", std::vector<std::string>{"ab", "cd"}), "ab");
  EXPECT_EQ(nearest("x", std::vector<std::string>{}), "");
}

TEST(glob, stars_and_question_marks) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("enc*.conv?", "encoder.layer1.conv2"));
  EXPECT_TRUE(glob_matches("*ab*ab", "xababab"));
  EXPECT_FALSE(glob_matches("*ab*ab", "xabb"));
  EXPECT_FALSE(glob_matches("enc", "encoder"));
  EXPECT_FALSE(glob_matches("enc?", "enc"));
  EXPECT_TRUE(glob_matches("a.b", "a.b"));
}

}  // namespace
}  // namespace sirfp
