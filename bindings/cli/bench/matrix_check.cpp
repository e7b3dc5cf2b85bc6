#include "matrix_check.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "hook.hpp"
#include "sirfp/packed.hpp"

namespace sirfp::cli {
namespace {

at::Tensor square_of(const std::vector<double>& packed, std::int64_t channels) {
  return at::tensor(unpack(packed, channels)).view({channels, channels});
}

at::Tensor spread_channels(const at::Tensor& rows) {
  constexpr double products = 2e9;
  const auto few = static_cast<std::int64_t>(std::sqrt(products / static_cast<double>(rows.size(1))));
  const std::int64_t count = std::clamp<std::int64_t>(few, std::min<std::int64_t>(rows.size(0), 16), rows.size(0));
  return (at::arange(count) * rows.size(0)).floor_divide(count);
}

}  // namespace

at::Tensor matrix_of(const similarity_state& state) { return square_of(mean_redundancy_sync(state), state.channels); }
at::Tensor matrix_of(const moments_state& state) { return square_of(moments_sync(state).covariance, state.channels); }

matrix_check::matrix_check(const noise_map& map, at::Tensor (*formula)(const at::Tensor&)) {
  const at::Tensor rows = channels_by_pixels(map.tensor, map.axis);
  channels_ = spread_channels(rows);
  exact_ = formula(rows.index_select(0, channels_.to(rows.device())).to(at::kDouble)).cpu();
}

double matrix_check::worst_error(const at::Tensor& got) const {
  const at::Tensor scale = exact_.diagonal().sqrt();
  const at::Tensor part = got.index_select(0, channels_).index_select(1, channels_);
  const at::Tensor size = at::outer(scale, scale);
  return ((part - exact_).abs() / size.masked_fill(size == 0, 1)).max().item<double>();
}

}  // namespace sirfp::cli
