#include "site_reading.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "sirfp/adapter/device.hpp"
#include "sirfp/adapter/observe.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::adapter {

site_reading first_reading(const captured_network& captured, const consumer_site& site) {
  const auto first = static_cast<std::size_t>(std::ranges::min_element(site.consumers, {}, &consumer::op)->op);
  const op& reader = captured.ops.ops.at(first);
  const auto input = std::ranges::find_if(
      reader.arguments, [&](const op_argument& a) { return a.type == op_argument::kind::tensor && a.values.at(0) == site.value; });
  if (input == reader.arguments.end()) throw failure(text("consumer ", reader.name, " at ", reader.place, " does not read its site"));
  return {captured.nodes.at(first), static_cast<std::size_t>(input - reader.arguments.begin())};
}

readable made_readable(at::Tensor tensor, std::int64_t axis) {
  if (tensor.scalar_type() == c10::kDouble) tensor = tensor.to(c10::kFloat);
  if (tensor.dim() <= 4) return {std::move(tensor), axis};
  return {tensor.movedim(axis, 1).flatten(2), 1};
}

feature_view view_for(const context& ctx, const at::Tensor& tensor, std::int64_t axis) {
  feature_view view = view_of(tensor, axis);
  expect_torchs_stream(ctx, tensor.device(), "a feature map");
  if (!tensor.is_cuda()) view.space = ctx.backend->space();  // whose word it is whether it reads there: an emulated GPU's is the host's
  return view;
}

}  // namespace sirfp::adapter
