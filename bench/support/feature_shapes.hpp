// The shapes of issue 3: channels and pixels of one image's feature map, from an early to a late layer.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace sirfp::bench {

struct feature_shape {
  std::int64_t channels, height, width;
  std::int64_t pixels() const { return height * width; }
};
inline constexpr feature_shape feature_shapes[] = {{64, 180, 240}, {128, 90, 120}, {256, 45, 60}, {512, 45, 60}, {2048, 32, 32}};

inline std::vector<float> normal_values(std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(size));
  for (float& v : values) v = normal(random);
  return values;
}

}  // namespace sirfp::bench
