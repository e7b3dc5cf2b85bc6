#include "hook.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/outer.h>

#include <chrono>

#include "interrupt.hpp"

namespace sirfp::cli {

at::Tensor channels_by_pixels(const at::Tensor& map, std::int64_t channel_axis) {
  return map.select(0, 0).movedim(channel_axis - 1, 0).flatten(1);
}

at::Tensor redundancy_of(const at::Tensor& channels) {
  constexpr double epsilon = 1e-5;
  const at::Tensor norms = channels.abs().sum(1) + epsilon;
  return at::mm(channels, channels.t()) / at::outer(norms, norms);
}

at::Tensor covariance_of(const at::Tensor& channels) {
  const at::Tensor centred = channels - channels.mean(1, /*keepdim=*/true);
  return at::mm(centred, centred.t()) / channels.size(1);
}

std::optional<std::vector<std::int64_t>> eliminate_by_hook(const at::Tensor& redundancy, double most_seconds) {
  using clock = std::chrono::steady_clock;
  const auto start = clock::now();
  const at::Tensor magnitude = redundancy.abs();
  at::Tensor alive = at::arange(redundancy.size(0));
  std::vector<std::int64_t> order;
  while (alive.size(0) > 0) {
    check_interrupt();
    if (std::chrono::duration<double>(clock::now() - start).count() > most_seconds) return std::nullopt;
    const at::Tensor degrees = magnitude.index_select(0, alive).index_select(1, alive).sum(1);
    const std::int64_t worst = degrees.argmax().item<std::int64_t>();
    order.push_back(alive[worst].item<std::int64_t>());
    alive = at::cat({alive.slice(0, 0, worst), alive.slice(0, worst + 1)});
  }
  return order;
}

}  // namespace sirfp::cli
