#include "slices.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "sirfp/expects.hpp"

namespace sirfp::adapter {

namespace {

at::Tensor positions(const std::int64_t* first, std::int64_t count) {
  return at::tensor(at::ArrayRef<std::int64_t>(first, static_cast<std::size_t>(count)), at::kLong);
}

// Grouped convolutions: the rows of each block (of the axis beside the sliced one) keep positions of their own.
at::Tensor sliced_by_block(const at::Tensor& tensor, const parameter_slice& slice) {
  const std::int64_t row_axis = slice.axis == 0 ? 1 : 0;
  const std::int64_t rows = tensor.size(row_axis) / slice.blocks;
  const std::int64_t kept = static_cast<std::int64_t>(slice.kept.size()) / slice.blocks;
  std::vector<at::Tensor> blocks;
  for (std::int64_t b = 0; b < slice.blocks; ++b)
    blocks.push_back(tensor.narrow(row_axis, b * rows, rows).index_select(slice.axis, positions(slice.kept.data() + b * kept, kept)));
  return at::cat(blocks, row_axis);
}

}  // namespace

at::Tensor sliced(const at::Tensor& tensor, std::vector<parameter_slice> slices) {
  // Blocks are parts of the whole axis beside them: they come first.
  std::stable_sort(slices.begin(), slices.end(), [](const auto& a, const auto& b) { return a.blocks > b.blocks; });
  at::Tensor result = tensor;
  for (const parameter_slice& slice : slices) {
    SIRFP_EXPECTS(slice.axis >= 0 && slice.axis < tensor.dim(), slice.parameter, ": no axis ", slice.axis, " in a tensor of ",
                  tensor.dim());
    result = slice.blocks > 1 ? sliced_by_block(result, slice)
                              : result.index_select(slice.axis, positions(slice.kept.data(), static_cast<std::int64_t>(slice.kept.size())));
  }
  return result.contiguous(tensor.suggest_memory_format());
}

std::vector<std::int64_t> kept_positions(const channel_layout& layout, const channel_mask& mask) {
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < layout.size(); ++i)
    if (is_kept(layout[i], mask)) kept.push_back(static_cast<std::int64_t>(i));
  return kept;
}

}  // namespace sirfp::adapter
