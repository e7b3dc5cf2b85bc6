// Where in the network a consumer site is read first, and how its tensor looks to the kernels.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "sirfp/adapter/capture.hpp"
#include "sirfp/channel_graph.hpp"
#include "sirfp/context.hpp"
#include "sirfp/features.hpp"

namespace sirfp::adapter {

// The first operator in execution order that reads the site, and which of its arguments the site is.
struct site_reading {
  const torch::jit::Node* node = nullptr;
  std::size_t input = 0;
};
site_reading first_reading(const captured_network& captured, const consumer_site& site);

// What the kernels can read: at most two axes beside batch and channels, 32 bits at most.
struct readable {
  at::Tensor tensor;
  std::int64_t axis = 1;
};
readable made_readable(at::Tensor tensor, std::int64_t axis);

// view_of in the memory that the context's backend works in; it refuses what does not lie there. Throws invalid_argument if the map is
// written on another stream than the context's.
feature_view view_for(const context& ctx, const at::Tensor& tensor, std::int64_t axis);

}  // namespace sirfp::adapter
