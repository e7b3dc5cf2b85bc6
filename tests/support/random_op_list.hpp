// Random small networks as op lists: convolutions (dense, grouped, depthwise), additions, concatenations, and a dense head.
#pragma once

#include <random>

#include "sirfp/expects.hpp"
#include "support/network_builder.hpp"

namespace sirfp::test {

inline op_list random_op_list(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&](std::int64_t least, std::int64_t most) { return std::uniform_int_distribution<std::int64_t>(least, most)(random); };
  const std::int64_t widths[] = {3, 8, 10, 16, 24, 40, 64, 72, 100, 128};
  const auto width = [&] { return widths[pick(0, 9)]; };
  network_builder net;
  int count = 0;
  const auto block = [&](std::int32_t x, std::int64_t out, std::int64_t kernel, std::int64_t groups) {
    const std::string place = text("m", count++);
    const std::int32_t y = net.conv(place + ".conv", x, out, {.kernel = kernel, .groups = groups, .bias = pick(0, 3) == 0});
    return net.relu(place + ".relu", net.batch_norm(place + ".bn", y));
  };
  std::vector<std::int32_t> live = {block(net.input({1, 3, 8, 8}), width(), 3, 1)};
  const auto any = [&] { return live[static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(live.size()) - 1))]; };
  for (std::int64_t step = pick(2, 7); step > 0; --step) {
    const std::int32_t x = any();
    const std::int64_t channels = net.shape(x)[1];
    const std::string place = text("m", count);
    switch (pick(0, 5)) {
      case 0:  // a residual sum
        live.push_back(net.add(place + ".add", x, block(block(x, width(), 3, 1), channels, 1, 1)));
        break;
      case 1:
        live.push_back(net.cat(place + ".cat", {x, any()}));
        break;
      case 2:  // depthwise, then pointwise
        live.push_back(block(block(x, channels, 3, channels), width(), 1, 1));
        break;
      case 3:  // grouped in the middle of two dense ones
        live.push_back(block(block(block(x, 16 * pick(1, 6), 1, 1), 16 * pick(1, 6), 3, 4), width(), 1, 1));
        break;
      default:
        live.push_back(block(x, width(), pick(0, 1) == 0 ? 1 : 3, 1));
    }
  }
  net.output(net.conv("head", net.cat("join", {live.back(), any()}), 5, {.kernel = 1, .bias = true}));
  return net.build();
}

}  // namespace sirfp::test
