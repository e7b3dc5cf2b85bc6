#include "gram_plan.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "gram_tuning.hpp"
#include "sirfp/expects.hpp"
#include "support/error_text.hpp"

namespace sirfp::test {
namespace {

constexpr device_facts a100{80, 108, 2048, 163 << 10, 164 << 10, 40 << 20};
constexpr device_facts h200{90, 132, 2048, 227 << 10, 228 << 10, 50 << 20};
constexpr device_facts small_gpu{86, 20, 1536, 99 << 10, 100 << 10, 2 << 20};

// Every combination of the small answers, for one C, P and N.
template <class Use>
void for_each_request(std::int64_t images, std::int64_t channels, std::int64_t pixels, const Use& use) {
  for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16})
    for (int bits = 0; bits < 32; ++bits) {
      const auto set = [bits](int k) { return (bits >> k & 1) != 0; };
      use(gram_request{images, channels, pixels, type, set(0), set(1), set(2), !set(2) && set(3), set(4)});
    }
}

void expect_covers(const device_gram_plan& plan, const gram_request& request) {
  ASSERT_EQ(plan.side, request.channels <= 64 ? 64 : 128);
  const std::int64_t rows = (request.channels + plan.side - 1) / plan.side;
  ASSERT_EQ(plan.tiles, rows * (rows + 1) / 2);
  ASSERT_EQ(plan.range_pixels % 64, 0);
  ASSERT_GE(plan.ranges * plan.range_pixels, request.pixels);
  ASSERT_LT((plan.ranges - 1) * plan.range_pixels, request.pixels) << "no empty range";
  ASSERT_GE(plan.images_at_once, 1);
  ASSERT_LE(plan.images_at_once, request.images);
}

void expect_fits(const device_gram_plan& plan, const gram_request& request, const device_facts& facts) {
  for (const device::launch_shape& shape : {plan.gram, plan.again}) {
    ASSERT_GE(shape.blocks, 1);
    ASSERT_LE(shape.shared_bytes, static_cast<std::size_t>(facts.shared_bytes_per_block));
  }
  ASSERT_LE(plan.units(plan.images_at_once), std::numeric_limits<std::int32_t>::max()) << "the queue has 32 bits";
  const std::int64_t side = request.channels + 256;
  const std::int64_t one_image = (std::int64_t{20} << 20) + 4 * side * side;
  ASSERT_LE(plan.workspace_bytes, std::max(gram_tuning::workspace_bytes, one_image));
  ASSERT_LE(8 * (plan.slot_values + plan.sum_values + plan.total_values + plan.step_values), plan.workspace_bytes);
}

TEST(device_gram_plan, covers_the_work_and_fits_the_device) {
  for (const device_facts& facts : {a100, h200, small_gpu})
    for (const std::int64_t images : {1, 3, 1000})
      for (const std::int64_t channels : {1, 7, 63, 64, 65, 127, 128, 129, 256, 257, 720, 1024, 2048, 4096, 8191, 8192, 65536})
        for (const std::int64_t pixels : {1, 7, 63, 64, 65, 1023, 1024, 2047, 2048, 9409, 37249, 524288, 1 << 22, 1 << 30})
          for_each_request(images, channels, pixels, [&](const gram_request& request) {
            const device_gram_plan plan = plan_device_gram(request, facts);
            expect_covers(plan, request);
            expect_fits(plan, request, facts);
          });
}

// As many images as fill the workspace to the last bytes, which the steps of the moments do not fit any more.
TEST(device_gram_plan, the_workspace_has_room_for_everything) {
  for (const std::int64_t channels : {33, 34, 35, 100})
    for_each_request(20000, channels, 49,
                     [&](const gram_request& request) { expect_fits(plan_device_gram(request, h200), request, h200); });
}

// Ranges decide in which order pixels are summed: the bits of a result must not depend on the device or on the size of the batch.
TEST(device_gram_plan, ranges_depend_on_the_shape_alone) {
  for (const std::int64_t channels : {1, 64, 65, 300, 2048})
    for (const std::int64_t pixels : {1, 2048, 37249, 1 << 22}) {
      const device_gram_plan expected = plan_device_gram({1, channels, pixels}, h200);
      for (const device_facts& facts : {a100, h200, small_gpu})
        for_each_request(7, channels, pixels, [&](const gram_request& request) {
          const device_gram_plan plan = plan_device_gram(request, facts);
          ASSERT_EQ(plan.range_pixels, expected.range_pixels);
          ASSERT_EQ(plan.side, expected.side);
        });
    }
}

TEST(device_gram_plan, the_recipe_is_the_fastest_that_is_exact_enough) {
  for_each_request(2, 100, 500, [](const gram_request& request) {
    const device_gram_plan plan = plan_device_gram(request, h200);
    const bool as_it_is = request.type != dtype::f32 && !request.weighted && !request.centred;
    const gram_recipe expected = !as_it_is                    ? gram_recipe::split
                                 : !request.contiguous_pixels ? gram_recipe::native
                                 : request.aligned            ? gram_recipe::copied
                                                              : gram_recipe::shifted;
    ASSERT_EQ(plan.recipe, expected);
    ASSERT_EQ(plan.check_range, as_it_is && request.type == dtype::bf16);
    ASSERT_EQ(plan.wide_loads, request.contiguous_pixels && request.aligned);
    ASSERT_EQ(plan.covering_loads, request.contiguous_pixels && !request.aligned);
  });
  EXPECT_EQ(plan_device_gram({.images = 1, .channels = 4, .pixels = 9, .precision = gram_precision::strict}, h200).recipe,
            gram_recipe::plain);
}

// Asked for, it is taken where the GPU has it, a tile is not the whole matrix and the copy engine takes the map; it cuts no image
// otherwise.
TEST(device_gram_plan, wgmma_only_where_it_can_be) {
  const gram_request request{.images = 2,
                             .channels = 129,
                             .pixels = 5000,
                             .type = dtype::f16,
                             .contiguous_pixels = true,
                             .aligned = true,
                             .in_boxes = true,
                             .by_wgmma = true};
  const device_gram_plan plan = plan_device_gram(request, h200);
  EXPECT_EQ(plan.recipe, gram_recipe::wgmma);
  EXPECT_EQ(plan.gram.threads, 384);
  expect_covers(plan, request);
  expect_fits(plan, request, h200);
  const auto recipe_with = [&](const auto& change, const device_facts& facts = h200) {
    gram_request other = request;
    change(other);
    const device_gram_plan made = plan_device_gram(other, facts);
    EXPECT_EQ(made.range_pixels, plan_device_gram({other.images, other.channels, other.pixels}, facts).range_pixels);
    return made.recipe;
  };
  EXPECT_EQ(recipe_with([](gram_request& r) { r.by_wgmma = false; }), gram_recipe::copied);
  EXPECT_EQ(recipe_with([](gram_request& r) { r.in_boxes = false; }), gram_recipe::copied);
  EXPECT_EQ(recipe_with([](gram_request& r) { r.channels = 128; }), gram_recipe::copied);
  EXPECT_EQ(recipe_with([](gram_request& r) { r.aligned = false; }), gram_recipe::shifted);
  EXPECT_EQ(recipe_with([](gram_request& r) { r.contiguous_pixels = false; }), gram_recipe::native);
  EXPECT_EQ(recipe_with([](gram_request& r) { r.type = dtype::f32; }), gram_recipe::split);
  EXPECT_EQ(recipe_with([](gram_request& r) { r.weighted = true; }), gram_recipe::split);
  EXPECT_EQ(recipe_with([](gram_request&) {}, a100), gram_recipe::copied);
  device_facts without_room = h200;
  without_room.shared_bytes_per_block = 99 << 10;
  EXPECT_EQ(recipe_with([](gram_request&) {}, without_room), gram_recipe::copied);
}

TEST(device_gram_plan, layouts_are_told_apart) {
  alignas(16) static float memory[4];
  const auto of = [](const feature_view& view) { return request_of(view, {}, false); };
  feature_view view = feature_view::nchw(memory, dtype::f32, 2, 3, 4, 5);
  EXPECT_TRUE(of(view).contiguous_pixels && of(view).aligned && of(view).in_boxes);
  for (const std::int64_t stride : {std::int64_t{0}, std::int64_t{-20}, std::int64_t{1} << 38}) {  // a broadcast, a flip, too far apart
    feature_view other = view;
    other.channel_stride = stride;
    EXPECT_TRUE(of(other).aligned && !of(other).in_boxes) << stride;
    other = view;
    other.image_stride = stride;
    EXPECT_TRUE(of(other).aligned && !of(other).in_boxes) << stride;
  }
  view.type = dtype::f16;
  EXPECT_FALSE(of(view).aligned) << "20 halves a channel";
  view = feature_view::nchw(memory, dtype::f32, 2, 3, 4, 5);
  view.row_stride = 6;
  EXPECT_FALSE(of(view).contiguous_pixels || of(view).contiguous_channels);
  view = feature_view::nchw(memory + 1, dtype::f32, 2, 3, 4, 5);
  EXPECT_FALSE(of(view).aligned);
  view = feature_view::nhwc(memory, dtype::f32, 2, 3, 4, 5);
  EXPECT_TRUE(of(view).contiguous_channels && !of(view).contiguous_pixels);
  view = feature_view::nhwc(memory, dtype::f32, 1, 1, 4, 5);
  EXPECT_TRUE(of(view).contiguous_pixels && of(view).aligned) << "one channel is both";
  view = feature_view::nchw(memory, dtype::bf16, 1, 1, 3, 5);
  view.channel_stride = 1;
  EXPECT_TRUE(of(view).aligned) << "strides of what there is one of do not matter";
}

TEST(device_gram_plan, too_much_is_refused) {
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { plan_device_gram({1, 65537, 1}, h200); }), "65537 channels");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { plan_device_gram({1, 1, (1 << 30) + 1}, h200); }), "1073741825 pixels");
  EXPECT_EQ(plan_device_gram({std::numeric_limits<std::int64_t>::max(), 8192, 1 << 22}, h200).images_at_once, 1);
}

}  // namespace
}  // namespace sirfp::test
