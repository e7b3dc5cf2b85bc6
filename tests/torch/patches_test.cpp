#include "../../bindings/torch/src/patches.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace sirfp::test {
namespace {

using adapter::tap_window;

// A convolution is its weight times the patches.
TEST(patches, give_the_convolution) {
  at::manual_seed(1);
  for (const std::int64_t kh : {1, 3})
    for (const std::int64_t kw : {1, 2, 5})
      for (const std::int64_t stride : {1, 2})
        for (const std::int64_t padding : {0, 3})
          for (const std::int64_t dilation : {1, 2}) {
            const tap_window window{{kh, kw}, {stride, 1}, {padding, 1}, {dilation, 1}};
            const at::Tensor image = at::randn({3, 9, 11}, at::kDouble), weight = at::randn({4, 3, kh, kw}, at::kDouble);
            const at::Tensor expected =
                at::conv2d(image.unsqueeze(0), weight, {}, {stride, 1}, at::IntArrayRef({padding, 1}), {dilation, 1})[0];
            const auto [height, width] = window.output(9, 11);
            ASSERT_EQ(height, expected.size(1));
            ASSERT_EQ(width, expected.size(2));
            const at::Tensor pixels = at::randperm(height * width, at::kLong);
            const at::Tensor found = at::matmul(weight.flatten(1), adapter::patches(image, window, pixels));
            EXPECT_LE((found - expected.flatten(1).index_select(1, pixels)).abs().max().item<double>(), 1e-12);
          }
}

op reader_of(const std::string& name, std::vector<std::vector<std::int64_t>> ints) {
  op reader{name, "place", {}, {}};
  for (int tensor = 0; tensor < 3; ++tensor) reader.arguments.push_back({op_argument::kind::tensor, {tensor}});
  for (auto& list : ints) reader.arguments.push_back({op_argument::kind::ints, {}, std::move(list)});
  return reader;
}

TEST(patches, windows_of_plain_convolutions_only) {
  const std::vector<std::int64_t> kernel = {8, 4, 3, 5};
  const auto found = adapter::window_of(reader_of("aten::_convolution", {{2, 1}, {1}, {4, 5}, {0}, {0, 0}, {1}}), {}, kernel);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kernel, (std::array<std::int64_t, 2>{3, 5}));
  EXPECT_EQ(found->stride, (std::array<std::int64_t, 2>{2, 1}));
  EXPECT_EQ(found->padding, (std::array<std::int64_t, 2>{1, 1}));
  EXPECT_EQ(found->dilation, (std::array<std::int64_t, 2>{4, 5}));
  EXPECT_TRUE(adapter::window_of(reader_of("aten::conv2d", {{1, 1}, {0, 0}, {1, 1}, {1}}), {}, kernel));
  EXPECT_FALSE(adapter::window_of(reader_of("aten::_convolution", {{1, 1}, {0, 0}, {1, 1}, {1}, {0, 0}, {1}}), {}, kernel)) << "transposed";
  EXPECT_FALSE(adapter::window_of(reader_of("aten::conv_transpose2d", {{1, 1}, {0, 0}, {0, 0}, {1}, {1, 1}}), {}, kernel));
  EXPECT_FALSE(adapter::window_of(reader_of("aten::conv2d", {{1, 1}, {}, {1, 1}, {1}}), {}, kernel)) << "padding by name";
  EXPECT_FALSE(adapter::window_of(reader_of("aten::conv2d", {{1}, {0}, {1}, {1}}), {}, {8, 4, 3})) << "one dimension";
  EXPECT_FALSE(adapter::window_of(reader_of("aten::linear", {}), {}, {8, 4}));
}

}  // namespace
}  // namespace sirfp::test
