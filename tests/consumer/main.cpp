// Four channels of which the last repeats the first: elimination must take one of that pair out first.
#include <array>
#include <cstdio>
#include <vector>

#include "sirfp/elimination.hpp"
#include "sirfp/packed.hpp"
#include "sirfp/similarity.hpp"

int main() {
  constexpr std::int64_t channels = 4, height = 4, width = 4;
  std::vector<float> maps(channels * height * width);
  for (std::size_t pixel = 0; pixel < 16; ++pixel) {
    maps[pixel] = maps[48 + pixel] = pixel < 8 ? 1.0F : -1.0F;
    maps[16 + pixel] = pixel % 2 == 0 ? 1.0F : -1.0F;
    maps[32 + pixel] = pixel % 4 < 2 ? 1.0F : -1.0F;
  }
  const sirfp::context ctx = sirfp::cpu_context();
  sirfp::similarity_state state;
  sirfp::accumulate_similarity(ctx, sirfp::feature_view::nchw(maps.data(), sirfp::dtype::f32, 1, channels, height, width), {}, {}, state);

  const std::vector<double> matrix = sirfp::unpack(sirfp::mean_redundancy_sync(state), channels);
  const std::array<sirfp::redundancy_matrix, 1> batch{{{matrix.data(), true, channels, channels}}};
  const std::vector<sirfp::elimination> result = sirfp::eliminate(ctx, batch);
  std::printf("removed first: channel %d\n", result.front().order.front());
  return result.front().order.front() == 0 ? 0 : 1;
}
