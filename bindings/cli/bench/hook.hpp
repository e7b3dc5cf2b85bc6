// The same results as a user would write them in PyTorch: what the paper's authors do in a forward hook, transcribed to ATen.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace sirfp::cli {

// One map, [1, C, H, W] or, channels last, [1, H, W, C], as [C, P].
at::Tensor channels_by_pixels(const at::Tensor& map, std::int64_t channel_axis);
// METHOD 1 and 4 of [C, P], in its type and on its device.
at::Tensor redundancy_of(const at::Tensor& channels);
at::Tensor covariance_of(const at::Tensor& channels);

// The authors' loop on the host, where the hook leaves the matrix: the submatrix of what is alive, its row sums, the largest goes. O(C^3):
// gives up, with nothing, once it has taken `most_seconds`.
std::optional<std::vector<std::int64_t>> eliminate_by_hook(const at::Tensor& redundancy, double most_seconds);

}  // namespace sirfp::cli
