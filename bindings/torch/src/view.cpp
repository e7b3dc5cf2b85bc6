// Tensors as the kernels see them.
#include <ATen/ATen.h>

#include "sirfp/adapter/observe.hpp"

namespace sirfp::adapter {
namespace {

dtype dtype_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case c10::kFloat:
      return dtype::f32;
    case c10::kHalf:
      return dtype::f16;
    case c10::kBFloat16:
      return dtype::bf16;
    default:
      throw invalid_argument(text("feature map of type ", c10::toString(tensor.scalar_type()), ", expected float32, float16 or bfloat16"));
  }
}

}  // namespace

feature_view view_of(const at::Tensor& tensor, std::int64_t axis) {
  const auto rank = tensor.dim();
  SIRFP_EXPECTS(rank >= 2 && rank <= 4, "feature map of rank ", rank, ", expected 2 to 4 axes");
  SIRFP_EXPECTS(axis >= 1 && axis < rank, "channel axis ", axis, " of a feature map of rank ", rank, ", expected 1 to ", rank - 1);
  feature_view view;
  view.data = tensor.const_data_ptr();
  view.type = dtype_of(tensor);
  view.space = tensor.is_cuda() ? memory_space::cuda : memory_space::host;
  view.images = tensor.size(0);
  view.image_stride = tensor.stride(0);
  view.channels = tensor.size(axis);
  view.channel_stride = tensor.stride(axis);
  view.height = view.width = 1;
  // The remaining axes in order: the last is the row's, the one before it the column's.
  for (std::int64_t d = rank - 1, seen = 0; d >= 1; --d) {
    if (d == axis) continue;
    (seen == 0 ? view.width : view.height) = tensor.size(d);
    (seen == 0 ? view.column_stride : view.row_stride) = tensor.stride(d);
    ++seen;
  }
  if (view.row_stride == 0) view.row_stride = view.width * view.column_stride;
  return view;
}

at::Tensor edge_weights(const at::Tensor& tensor, std::int64_t axis) {
  if (tensor.dim() != 4) return {};
  const auto mean = tensor.mean(axis, /*keepdim=*/false, c10::kFloat).unsqueeze(1);
  const auto sobel = at::tensor({-0.5F, 0.F, 0.5F, -1.F, 0.F, 1.F, -0.5F, 0.F, 0.5F}, at::kFloat).view({1, 1, 3, 3});
  const auto kernel_x = sent_to(mean.device(), sobel);
  const auto gradients = at::conv2d(mean, at::cat({kernel_x, kernel_x.transpose(2, 3)}), {}, 1, at::IntArrayRef{1, 1});
  return gradients.square().sum(1).sqrt().contiguous();
}

}  // namespace sirfp::adapter
