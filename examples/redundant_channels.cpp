// Which channels of a feature map repeat each other? Eight channels: four patterns and, behind each, a noisy copy of it.
#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <random>
#include <vector>

#include "sirfp/elimination.hpp"
#include "sirfp/packed.hpp"
#include "sirfp/similarity.hpp"

namespace {

std::vector<float> noisy_copies(std::size_t patterns, std::size_t pixels) {
  std::mt19937 random(1);
  std::normal_distribution<float> noise;
  std::vector<float> maps(2 * patterns * pixels);
  for (std::size_t i = 0; i < patterns * pixels; ++i) {
    maps[i] = noise(random);
    maps[patterns * pixels + i] = 2 * maps[i] + 0.1F * noise(random);
  }
  return maps;
}

}  // namespace

int main() {
  constexpr std::int64_t channels = 8, height = 32, width = 32;
  const std::vector<float> maps = noisy_copies(channels / 2, height * width);

  const sirfp::context ctx = sirfp::cpu_context();
  sirfp::similarity_state state;  // add as many batches of images as there are
  sirfp::accumulate_similarity(ctx, sirfp::feature_view::nchw(maps.data(), sirfp::dtype::f32, 1, channels, height, width), {}, {}, state);

  const std::vector<double> matrix = sirfp::unpack(sirfp::mean_redundancy_sync(state), channels);
  const std::array<sirfp::redundancy_matrix, 1> batch{{{matrix.data(), true, channels, channels}}};
  const sirfp::elimination curve = sirfp::eliminate(ctx, batch).front();

  // One run serves every width: what is removed last is kept longest.
  std::vector<std::int32_t> kept(curve.order.begin() + channels / 2, curve.order.end());
  std::sort(kept.begin(), kept.end());
  std::cout << "keep:";
  for (const std::int32_t channel : kept) std::cout << ' ' << channel;
  std::cout << "\nredundancy left: " << std::lround(100 * curve.curve[channels / 2] / curve.curve[0]) << "%\n";
}
