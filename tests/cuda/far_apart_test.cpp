// Elements more than 2^31 apart: offsets are 64 bits wide everywhere. The map is a range of addresses of which few pages are ever touched.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "emulator/device_memory.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/edge_score.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/similarity.hpp"
#include "support/packed_error.hpp"

namespace sirfp::test {
namespace {

class far_apart {
 public:
  static constexpr std::int64_t stride = (std::int64_t{1} << 31) + 64;  // elements, between images and between channels

  far_apart() : memory_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (made()) emulator::lend_to_device(memory_, bytes);
  }
  ~far_apart() {
    emulator::lend_to_device(nullptr, 0);
    if (memory_ != MAP_FAILED) munmap(memory_, bytes);
  }
  far_apart(const far_apart&) = delete;
  far_apart& operator=(const far_apart&) = delete;
  bool made() const { return memory_ != MAP_FAILED; }

  // Two images of two channels, 5 x 13, in f16; image n begins 2 n strides behind the first.
  feature_view view(memory_space space) const {
    auto* const first = static_cast<std::uint16_t*>(memory_);
    for (std::int64_t map = 0; map < 4; ++map)
      for (std::int64_t p = 0; p < 65; ++p) first[map * stride + p] = float_to_f16(static_cast<float>((map * 7 + p * p) % 23 - 8));
    feature_view view = feature_view::nchw(memory_, dtype::f16, 2, 2, 5, 13);
    view.channel_stride = stride;
    view.image_stride = 2 * stride;
    view.space = space;
    return view;
  }

 private:
  static constexpr std::size_t bytes = 2 * (3 * stride + 4096);
  void* memory_;
};

TEST(far_apart, elements_are_found) {
  const far_apart map;
  if (!map.made()) GTEST_SKIP() << "no 13 GB of addresses here";
  const auto everything = [&](const context& ctx) {
    const feature_view view = map.view(ctx.backend->space());
    similarity_state similarity;
    accumulate_similarity(ctx, view, {}, {}, similarity);
    moments_state moments;
    accumulate_moments(ctx, view, {}, moments);
    edge_state edges;
    accumulate_edge_score(ctx, view, edges);
    return std::vector{mean_redundancy_sync(similarity), moments_sync(moments).covariance, edge_score_sync(edges)};
  };
  const auto exact = everything(reference_context());
  for (const context& ctx : {cpu_context(make_thread_pool(1)), cuda_context(0, nullptr, make_thread_pool(1)),
                             cuda_context(0, nullptr, make_thread_pool(1), {.precision = gram_precision::strict})}) {
    const auto got = everything(ctx);
    EXPECT_LE(error_of(got[0], exact[0], 2).worst, 1e-6) << ctx.backend->name();
    EXPECT_LE(error_of(got[1], exact[1], 2).worst, 1e-6) << ctx.backend->name();
    for (std::size_t c = 0; c < 2; ++c) EXPECT_NEAR(got[2][c], exact[2][c], 1e-6 * exact[2][c]) << ctx.backend->name();
  }
}

}  // namespace
}  // namespace sirfp::test
