#include "sirfp/packed.hpp"

#include <gtest/gtest.h>

#include "sirfp/expects.hpp"

namespace sirfp {
namespace {

TEST(packed, indices_count_the_lower_triangle_row_by_row) {
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < 40; ++i)
    for (std::int64_t j = 0; j <= i; ++j, ++at) {
      EXPECT_EQ(packed_index(i, j), at);
      EXPECT_EQ(packed_index(j, i), at);
    }
  EXPECT_EQ(packed_size(40), at);
  EXPECT_EQ(packed_size(0), 0);
}

TEST(packed, unpacking_mirrors) {
  EXPECT_TRUE(unpack({}, 0).empty());
  const std::vector<double> packed{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(unpack(packed, 3), (std::vector<double>{1, 2, 4, 2, 3, 5, 4, 5, 6}));
  EXPECT_THROW(unpack(packed, 4), invalid_argument);
  EXPECT_THROW(unpack(packed, -4), invalid_argument);
}

}  // namespace
}  // namespace sirfp
