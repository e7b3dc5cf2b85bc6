#include "affine_fit.hpp"

#include <ATen/ATen.h>

#include <vector>

#include "sirfp/adapter/device.hpp"
#include "sirfp/packed.hpp"

namespace sirfp::adapter {
namespace {

at::Tensor square_of(const moments& measured) {
  const std::vector<double> full = unpack(measured.covariance, measured.channels);
  return at::tensor(full, at::kDouble).view({measured.channels, measured.channels});
}

}  // namespace

affine_map fit(const moments& measured, const at::Tensor& given, double lambda, c10::Device device) {
  const at::Tensor start = sent_to(device, given);
  const std::int64_t n = start.size(1), outputs = start.size(0);
  const at::Tensor covariance = sent_to(device, square_of(measured));
  const at::Tensor mean = sent_to(device, at::tensor(measured.mean, at::kDouble));
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
  return {matrix.cpu(), (mean.narrow(0, n, outputs) - matrix.mv(mean.narrow(0, 0, n))).cpu()};
}

}  // namespace sirfp::adapter
