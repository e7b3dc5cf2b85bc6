// How many batches are at work at once, and whose results come when.
#include "../../bindings/torch/src/paused_passes.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "../support/aten_threads.hpp"
#include "../support/error_text.hpp"
#include "../support/script_network.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

struct small_network {
  small_network() {
    script_network maker(1);
    maker.conv("a", {.in = 3, .out = 4, .kernel = 3});
    maker.conv("b", {.in = 4, .out = 2});
    net = adapter::load_network(maker.build("  return self.b.forward(torch.tanh(self.a.forward(x)))\n"));
    code = std::make_shared<const adapter::program>(adapter::compile(net));
    for (int i = 0; i < 5; ++i) images.push_back(maker.normal({i == 1 ? 2 : 1, 3, 8, 8}));
  }
  adapter::network net;
  std::shared_ptr<const adapter::program> code;
  std::vector<at::Tensor> images;  // the second batch has two
};

// Batches that had been read when each batch's turn came, twice through the images.
std::vector<int> read_at_turns(std::int64_t memory, std::vector<std::uint64_t>& first_images) {
  const small_network small;
  int asked_after_the_end = 0;
  std::size_t next = 0;
  const adapter::image_stream stream = [&] {
    asked_after_the_end += next > small.images.size();
    return next < small.images.size() ? small.images[next++].clone() : (++next, at::Tensor());
  };
  adapter::paused_passes passes({small.code}, stream, memory);
  std::vector<int> seen;
  for (int sweep = 0; sweep < 2; ++sweep) {
    std::atomic<int> read{0};
    passes.each([&](std::span<adapter::stepper> batch, std::uint64_t first_image) {
      ++read;
      batch.front().step();
      return [&, first_image] {
        seen.push_back(read);
        first_images.push_back(first_image);
      };
    });
  }
  EXPECT_EQ(asked_after_the_end, 0);
  return seen;
}

TEST(paused_passes, as_many_at_once_as_threads_and_as_fit) {
  constexpr std::int64_t image_bytes = 3 * 8 * 8 * 8;
  const std::vector<std::uint64_t> in_order = {0, 1, 3, 4, 5, 0, 1, 3, 4, 5};
  for (const auto& [threads, memory, expected] : {std::tuple{1, std::int64_t{1} << 40, std::vector{1, 2, 3, 4, 5, 1, 2, 3, 4, 5}},
                                                  {2, std::int64_t{1} << 40, {2, 2, 4, 4, 5, 2, 2, 4, 4, 5}},
                                                  {3, std::int64_t{1} << 40, {3, 3, 3, 5, 5, 3, 3, 3, 5, 5}},
                                                  {3, std::int64_t{0}, {1, 2, 3, 4, 5, 1, 2, 3, 4, 5}},
                                                  // Of fresh images three fit, or the first batch and the two images of the second. Paused,
                                                  // each is larger, and one comes back at once.
                                                  {3, 3 * image_bytes, {2, 2, 5, 5, 5, 1, 2, 3, 4, 5}}}) {
    const aten_threads as_many(threads);
    std::vector<std::uint64_t> first_images;
    EXPECT_EQ(read_at_turns(memory, first_images), expected) << threads << " threads, memory " << memory;
    EXPECT_EQ(first_images, in_order);
  }
}

TEST(paused_passes, no_images_are_refused_every_time) {
  const small_network small;
  adapter::paused_passes passes({small.code}, adapter::in_turn({}), 0);
  for (int sweep = 0; sweep < 2; ++sweep)
    SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { passes.each([](auto, auto) { return adapter::paused_passes::turn(); }); }),
                     "no images to run the network on");
}

}  // namespace
}  // namespace sirfp::test
