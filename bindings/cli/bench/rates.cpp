#include "rates.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>

#include "interrupt.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

constexpr int turns = 5;

double least_seconds(stopwatch& watch, const std::function<void()>& work) {
  work();
  double least = watch.seconds(work);
  for (int turn = 1; turn < turns; ++turn) {
    check_interrupt();
    least = std::min(least, watch.seconds(work));
  }
  return least;
}

}  // namespace

measured_rates measure_rates(stopwatch& watch, dtype type) {
  const bool on_host = watch.device().is_cpu();
  const std::int64_t bytes = std::int64_t{on_host ? 256 : 2048} << 20;
  const auto options = at::TensorOptions(watch.device());
  const at::Tensor source = at::empty({bytes}, options.dtype(at::kByte)).fill_(1);
  at::Tensor target = at::empty_like(source).fill_(2);
  const double copy = least_seconds(watch, [&] { target.copy_(source); });

  const std::int64_t side = on_host ? 2048 : 8192;
  const at::Tensor square = at::randn({side, side}, options.dtype(on_host ? at::kFloat : at::kHalf));
  at::Tensor product = at::empty_like(square);
  const double multiply = least_seconds(watch, [&] { at::mm_out(product, square, square); });

  const auto n = static_cast<double>(side);
  const int terms = !on_host && type == dtype::f32 ? 3 : 1;
  return {{2 * static_cast<double>(bytes) / copy, 2 * n * n * n / multiply / terms},
          text("copying ", bytes >> 20, " MiB, bytes read and written"),
          text(on_host ? "fp32" : "f16", " product of ", side, " x ", side, terms == 3 ? " by ATen, three for each of fp32" : " by ATen")};
}

}  // namespace sirfp::cli
