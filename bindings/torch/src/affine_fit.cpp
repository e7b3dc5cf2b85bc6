#include "affine_fit.hpp"

#include <ATen/ATen.h>

#include "sirfp/adapter/device.hpp"

namespace sirfp::adapter {

affine_map fit_sync(const context& ctx, const moments_state& measured, const at::Tensor& start, double lambda) {
  const std::int64_t all = measured.channels, n = start.size(1), outputs = start.size(0);
  const buffer square = with_cache_released(start.device(), [&] { return covariance_sync(ctx, measured); });
  const at::Tensor covariance = tensor_over(ctx, square, {all, all}, start.device());
  const at::Tensor mean = tensor_over(ctx, measured.mean, {all}, start.device());
  const at::Tensor zz = covariance.narrow(0, 0, n).narrow(1, 0, n);
  const at::Tensor yz = covariance.narrow(0, n, outputs).narrow(1, 0, n);
  const double scale = zz.diagonal().mean().item<double>();
  at::Tensor matrix = start;
  // A singular site (few pixels, dead channels) is regularised until it factorises; one that is zero keeps what it has.
  for (double strength = lambda; scale > 0 && strength <= 1; strength *= 10) {
    const auto [factor, info] = at::linalg_cholesky_ex(zz + strength * scale * at::eye(n, zz.options()));
    if (info.item<int>() != 0) continue;
    matrix = start + at::cholesky_solve((yz - start.matmul(zz)).t(), factor).t();
    break;
  }
  return {matrix, mean.narrow(0, n, outputs) - matrix.mv(mean.narrow(0, 0, n))};
}

}  // namespace sirfp::adapter
