// Observation against sums made by hand from the same feature maps, and what a bad batch leaves behind: nothing.
#include "sirfp/adapter/observe.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>

#include "../support/error_text.hpp"
#include "../support/limited_memory.hpp"
#include "../support/observed_network.hpp"

namespace sirfp::test {
namespace {

TEST(observe, layers_and_sites_hold_what_their_maps_give) {
  const observed_network all;
  calibration_state state;
  const auto first = batch_of(2, 1);
  const auto second = batch_of(1, 2);
  const auto observer = all.observer({.edges = true});
  observer.add(first, two_names, state);
  observer.add(second, {"three.jpg"}, state);

  // "a" is observed as it leaves the convolution, before the in-place relu; its site behind the relu, once, although b and c read it.
  similarity_state layer;
  edge_state edges;
  moments_state site;
  for (const auto& batch : {first, second}) {
    const at::Tensor map = at::conv2d(batch, all.weight_a, {}, 1, 1);
    accumulate_similarity(all.ctx, adapter::view_of(map, 1), {}, {}, layer);
    accumulate_edge_score(all.ctx, adapter::view_of(map, 1), edges);
    const at::Tensor active = at::relu(map);
    accumulate_moments(all.ctx, adapter::view_of(active, 1), {}, site);
  }
  ASSERT_TRUE(state.layers.contains("a"));
  ASSERT_TRUE(state.layers.contains("b"));
  EXPECT_EQ(state.layers.at("a").images, 3);
  EXPECT_EQ(state.layers.at("a").matrix.to_host_sync(), layer.matrix.to_host_sync());
  EXPECT_EQ(state.edges.at("a").sum.to_host_sync(), edges.sum.to_host_sync());
  const auto reads_a =
      std::find_if(all.graph.sites.begin(), all.graph.sites.end(), [](const auto& one) { return one.consumers.size() == 2; });
  ASSERT_NE(reads_a, all.graph.sites.end());
  EXPECT_EQ(state.sites.at(reads_a->name).images, 3);
  EXPECT_EQ(state.sites.at(reads_a->name).host_weight, site.host_weight);
  EXPECT_EQ(state.sites.at(reads_a->name).scatter.to_host_sync(), site.scatter.to_host_sync());
}

TEST(observe, a_batch_that_does_not_fit_is_counted_in_parts) {
  constexpr double rounding = 1e-5;  // convolutions and sums in fp32, in another order; an image more or less is a tenth
  const std::vector<std::string> names = {"1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"};
  for (const double share : {1.0, 0.5})
    for (const std::int64_t fit : {1, 2, 3, 5}) {
      const observed_network all;
      const adapter::observe_options options{.edges = true, .sample_pixels = share};
      calibration_state expected;
      all.observer(options).add(batch_of(5, 1), names, expected);
      all.observer(options).add(batch_of(5, 2), names, expected);
      limit_memory(all, fit);
      const auto observer = all.observer(options);
      calibration_state got;
      observer.add(batch_of(5, 1), names, got);
      EXPECT_EQ(observer.images_at_once(), fit == 5 ? 0 : fit);
      observer.add(batch_of(5, 2), names, got);
      ASSERT_EQ(got.layers.size(), expected.layers.size());
      for (const auto& [name, layer] : expected.layers) {
        EXPECT_EQ(got.layers.at(name).images, 10) << name;
        const std::vector<double> a = mean_redundancy_sync(got.layers.at(name));
        const std::vector<double> b = mean_redundancy_sync(layer);
        for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], rounding) << name << ", " << fit;
      }
      for (const auto& [name, site] : expected.sites) {
        EXPECT_EQ(got.sites.at(name).images, 10) << name;
        const moments a = moments_sync(got.sites.at(name));
        const moments b = moments_sync(site);
        for (std::size_t i = 0; i < a.covariance.size(); ++i)
          ASSERT_NEAR(a.covariance[i], b.covariance[i], rounding * std::ranges::max(b.covariance)) << name << ", " << fit;
      }
      for (const auto& [name, edges] : expected.edges) {
        const std::vector<double> a = edge_score_sync(got.edges.at(name));
        const std::vector<double> b = edge_score_sync(edges);
        for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], rounding * b[i]) << name << ", " << fit;
      }
    }
}

// The second attempt must not see what the first one wrote.
TEST(observe, a_parted_batch_is_as_it_came_although_the_network_writes_to_it) {
  const observed_network all, writing;
  {
    torch::jit::Node* const first = convolution(writing, 0);
    const torch::jit::WithInsertPoint here(first);
    first->replaceInput(0, writing.net.graph->insert(at::aten::mul_, {first->input(0), 2.0}));
  }
  limit_memory(writing, 1);
  calibration_state expected, got;
  all.observer().add(2 * batch_of(2, 1), two_names, expected);
  writing.observer().add(batch_of(2, 1), two_names, got);
  for (const auto& [name, site] : expected.sites) {
    const double variance = moments_sync(site).covariance.front();
    EXPECT_NEAR(moments_sync(got.sites.at(name)).covariance.front(), variance, 1e-5 * variance) << name;  // fp32, in another order
  }
}

TEST(observe, an_image_that_does_not_fit_is_an_error_and_leaves_nothing) {
  const observed_network all;
  limit_memory(all, 0);
  calibration_state state;
  SIRFP_EXPECT_HAS(error_text<out_of_memory>([&] { all.observer().add(batch_of(2, 1), two_names, state); }), "CUDA out of memory.");
  EXPECT_TRUE(state.layers.empty() && state.sites.empty());
}

TEST(observe, the_batch_of_a_moving_average_is_not_parted) {
  const observed_network all;
  limit_memory(all, 1);
  calibration_state state;
  adapter::observe_options options;
  options.similarity.mode = accumulation::ema;
  EXPECT_THROW(all.observer(options).add(batch_of(2, 1), two_names, state), out_of_memory);
  EXPECT_TRUE(state.layers.empty() && state.sites.empty());
}

TEST(observe, locked_groups_are_left_out) {
  const observed_network all;
  calibration_state state;
  all.observer().add(batch_of(1, 1), {"x"}, state);
  for (const auto& layer : all.graph.layers) {
    const bool locked = all.graph.groups[static_cast<std::size_t>(layer.layout.front().group)].locked;
    EXPECT_EQ(state.layers.contains(layer.name), !locked) << layer.name;
  }
  EXPECT_FALSE(state.layers.contains("c")) << "the network's output";
  EXPECT_TRUE(state.edges.empty());
}

TEST(observe, nan_names_layer_operator_and_image_and_counts_nothing) {
  using weighting = adapter::observe_options::weighting;
  for (const weighting weights : {weighting::uniform, weighting::edge_aware}) {
    const observed_network all;
    const auto observer = all.observer({.edges = true, .pixel_weights = weights});
    calibration_state state;
    observer.add(batch_of(2, 1), two_names, state);
    const auto before = state.layers.at("a").matrix.to_host_sync();
    const auto scatter_before = state.sites.begin()->second.scatter.to_host_sync();
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      auto batch = batch_of(2, 5);
      batch[1][0][3][3] = bad;
      try {
        observer.add(batch, two_names, state);
        FAIL() << "nothing was thrown";
      } catch (const adapter::bad_feature_error& error) {
        EXPECT_EQ(error.image, "two.jpg");
        SIRFP_EXPECT_HAS(std::string(error.what()), "aten::conv2d, image two.jpg) holds a NaN or an infinity");
      }
    }
    EXPECT_EQ(state.layers.at("a").images, 2);
    EXPECT_EQ(state.layers.at("a").matrix.to_host_sync(), before);
    EXPECT_EQ(state.sites.begin()->second.scatter.to_host_sync(), scatter_before);
  }
}

// A NaN that only a deep layer makes must not leave the sums of the layers in front of it behind.
TEST(observe, late_failure_counts_nothing_even_in_an_empty_state) {
  const observed_network all;
  at::Tensor weight = all.net.module.attr("b").toModule().attr("weight").toTensor();
  weight.fill_(1e38);
  calibration_state state;
  EXPECT_THROW(all.observer().add(batch_of(1, 1), {"x"}, state), adapter::bad_feature_error);
  EXPECT_TRUE(state.layers.empty());
  EXPECT_TRUE(state.sites.empty());
}

TEST(observe, moving_average_equals_accumulation) {
  const observed_network all;
  const similarity_options ema{.mode = accumulation::ema, .ema_rate = 0.5};
  const auto observer = all.observer({.similarity = ema, .moments = false});
  calibration_state state;
  similarity_state expected;
  for (const std::uint64_t seed : {1, 2, 3}) {
    observer.add(batch_of(2, seed), two_names, state);
    const at::Tensor map = at::conv2d(batch_of(2, seed), all.weight_a, {}, 1, 1);
    accumulate_similarity(all.ctx, adapter::view_of(map, 1), {}, ema, expected);
  }
  EXPECT_EQ(state.layers.at("a").matrix.to_host_sync(), expected.matrix.to_host_sync());
  EXPECT_TRUE(state.sites.empty());
  EXPECT_THROW(all.observer().add(batch_of(2, 1), two_names, state), invalid_argument) << "exact mean into a moving average";
}

// A sixteenth of a smooth map's pixels tells what all of them do, up to noise, and its scale is that of the whole.
TEST(observe, a_sample_of_the_pixels_estimates_the_whole) {
  const observed_network all;
  at::manual_seed(5);
  const at::Tensor batch = at::upsample_bilinear2d(at::randn({2, 3, 20, 20}), {80, 80}, false);
  calibration_state whole, sampled, again;
  all.observer().add(batch, two_names, whole);
  all.observer({.sample_pixels = 1. / 16}).add(batch, two_names, sampled);
  const auto one_by_one = all.observer({.sample_pixels = 1. / 16});
  one_by_one.add(batch.narrow(0, 0, 1), {two_names[0]}, again);
  one_by_one.add(batch.narrow(0, 1, 1), {two_names[1]}, again);
  for (const auto& [name, layer] : whole.layers) {
    const auto expected = mean_redundancy_sync(layer), found = mean_redundancy_sync(sampled.layers.at(name));
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 0.2 * expected[0]) << name << " " << i;
    const auto by_one = mean_redundancy_sync(again.layers.at(name));
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(by_one[i], found[i], 1e-5 * found[0]) << "batches draw other pixels";
    EXPECT_NE(found, expected);
  }
  for (const auto& [name, site] : whole.sites) {
    const moments expected = moments_sync(site), found = moments_sync(sampled.sites.at(name));
    EXPECT_EQ(found.weight, expected.weight / 16);
    for (std::size_t i = 0; i < expected.covariance.size(); ++i)
      EXPECT_NEAR(found.covariance[i], expected.covariance[i], 0.2 * expected.covariance[0]) << name << " " << i;
  }
}

// An infinity at a pixel that is not drawn stops the run all the same.
TEST(observe, unsampled_pixels_are_checked_too) {
  const observed_network all;
  const auto observer = all.observer({.sample_pixels = 1. / 16});
  for (std::int64_t pixel = 0; pixel < 40; pixel += 13) {
    at::Tensor batch = at::rand({2, 3, 40, 40});
    batch[1][0][pixel][pixel] = std::numeric_limits<float>::infinity();
    calibration_state state;
    const std::string what = error_text<adapter::bad_feature_error>([&] { observer.add(batch, two_names, state); });
    EXPECT_NE(what.find("two.jpg"), std::string::npos) << what;
    EXPECT_TRUE(state.layers.empty());
  }
}

TEST(observe, edge_aware_weights_are_the_sobel_magnitude_of_the_channel_mean) {
  at::Tensor map = at::zeros({1, 2, 4, 5});
  map.slice(3, 2).fill_(1);  // a vertical edge between columns 1 and 2
  const at::Tensor weights = adapter::edge_weights(map, 1);
  ASSERT_EQ(weights.sizes(), (at::IntArrayRef{1, 4, 5}));
  EXPECT_FLOAT_EQ(weights[0][1][1].item<float>(), 2.F);
  EXPECT_FLOAT_EQ(weights[0][1][2].item<float>(), 2.F);
  EXPECT_FLOAT_EQ(weights[0][1][0].item<float>(), 0.F);
  EXPECT_TRUE(at::allclose(adapter::edge_weights(map.permute({0, 2, 3, 1}), 3), weights));
  EXPECT_FALSE(adapter::edge_weights(at::zeros({1, 4, 5}), 2).defined());

  const observed_network all;
  calibration_state state;
  const auto batch = batch_of(1, 4);
  all.observer({.pixel_weights = adapter::observe_options::weighting::edge_aware}).add(batch, {"x"}, state);
  const at::Tensor features = at::conv2d(batch, all.weight_a, {}, 1, 1);
  const at::Tensor expected_weights = adapter::edge_weights(features, 1);
  similarity_state expected;
  accumulate_similarity(all.ctx, adapter::view_of(features, 1), {expected_weights.const_data_ptr<float>(), 80}, {}, expected);
  EXPECT_EQ(state.layers.at("a").matrix.to_host_sync(), expected.matrix.to_host_sync());
}

TEST(observe, state_of_another_network_and_unnamed_images_are_refused) {
  const observed_network all;
  calibration_state state;
  const auto wide = at::rand({1, 5, 4, 4});
  accumulate_similarity(all.ctx, adapter::view_of(wide, 1), {}, {}, state.layers["a"]);
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { all.observer().add(batch_of(1, 1), {"x"}, state); }),
                   "state of layer a: 5 channels, the network has 8");
  calibration_state empty;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { all.observer().add(batch_of(2, 1), {"x"}, empty); }), "a name an image");
}

TEST(observe, views_need_no_copy) {
  const at::Tensor map = at::rand({2, 3, 4, 5});
  const auto check = [](const at::Tensor& tensor, std::int64_t axis, std::int64_t height, std::int64_t width) {
    const feature_view view = adapter::view_of(tensor, axis);
    EXPECT_EQ(view.data, tensor.const_data_ptr());
    EXPECT_EQ(view.images, tensor.size(0));
    EXPECT_EQ(view.channels, tensor.size(axis));
    EXPECT_EQ(view.height, height);
    EXPECT_EQ(view.width, width);
    const at::Tensor planes = tensor.movedim(axis, 1).reshape({view.images, view.channels, height, width});
    const auto* data = static_cast<const float*>(view.data);
    for (std::int64_t n = 0; n < view.images; ++n)
      for (std::int64_t c = 0; c < view.channels; ++c)
        for (std::int64_t y = 0; y < height; ++y)
          for (std::int64_t x = 0; x < width; ++x)
            ASSERT_EQ(data[n * view.image_stride + c * view.channel_stride + y * view.row_stride + x * view.column_stride],
                      planes[n][c][y][x].item<float>());
  };
  check(map, 1, 4, 5);
  check(map.contiguous(at::MemoryFormat::ChannelsLast), 1, 4, 5);
  check(map.permute({0, 2, 3, 1}), 3, 4, 5);
  check(map.slice(1, 1, 3), 1, 4, 5);
  check(at::rand({2, 6}), 1, 1, 1);
  check(at::rand({2, 6, 7}), 2, 1, 6);
  check(at::rand({2, 6, 7}), 1, 1, 7);
  EXPECT_THROW(adapter::view_of(at::rand({3}), 0), invalid_argument);
  EXPECT_THROW(adapter::view_of(map, 0), invalid_argument);
  EXPECT_THROW(adapter::view_of(map.to(at::kDouble), 1), invalid_argument);
  EXPECT_EQ(adapter::view_of(map.to(at::kBFloat16), 1).type, dtype::bf16);
}

TEST(observe, aten_pool_runs_each_body_once_and_rethrows_the_first_error) {
  const auto pool = adapter::aten_executor();
  EXPECT_EQ(pool->threads(), at::get_num_threads());
  for (const std::int64_t count : {0, 1, 3, 100}) {
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
    pool->parallel_for(count, [&](std::int64_t i) { ++seen[static_cast<std::size_t>(i)]; });
    for (const auto& times : seen) EXPECT_EQ(times, 1);
  }
  const auto message = error_text<failure>([&] {
    pool->parallel_for(50, [](std::int64_t i) {
      if (i >= 7) throw failure(text("body ", i));
    });
  });
  EXPECT_EQ(message, "body 7");
}

}  // namespace
}  // namespace sirfp::test
