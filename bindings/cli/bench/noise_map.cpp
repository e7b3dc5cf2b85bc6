#include "noise_map.hpp"

#include <ATen/ops/randn.h>

#include "sirfp/adapter/observe.hpp"

namespace sirfp::cli {
namespace {

at::ScalarType scalar_type_of(dtype type) { return type == dtype::f32 ? at::kFloat : type == dtype::f16 ? at::kHalf : at::kBFloat16; }

}  // namespace

noise_map::noise_map(const layer_shape& shape, dtype type, at::Device device)
    : axis(shape.channels_last ? 3 : 1),
      tensor(at::randn(shape.channels_last ? std::vector<std::int64_t>{1, shape.height, shape.width, shape.channels}
                                           : std::vector<std::int64_t>{1, shape.channels, shape.height, shape.width})
                 .to(device, scalar_type_of(type))) {}

feature_view noise_map::view() const { return adapter::view_of(tensor, axis); }

}  // namespace sirfp::cli
