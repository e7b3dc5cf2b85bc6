// The host's part of a group's redundancy: where its channels stand goes to the device.
#include "sirfp/redundancy_sum.hpp"

#include "cuda_backend.hpp"
#include "device_array.hpp"
#include "redundancy_sum_kernels.hpp"

namespace sirfp {

void cuda_backend::add_redundancy(const context& ctx, const similarity_state& layer, const row_positions& rows, redundancy_scale scale,
                                  std::int64_t pixels, buffer& square) const {
  const device::device_scope scope(device_);
  const device_array<std::int32_t> begin(std::span<const std::int32_t>(rows.begin), ctx.stream);
  const device_array<std::int32_t> channels(std::span<const std::int32_t>(rows.channels), ctx.stream);
  launch_redundancy_sum(facts_, entry_of(layer, scale, pixels), begin.data(), channels.data(),
                        static_cast<std::int64_t>(rows.begin.size()) - 1, square.data(), ctx.stream);
}

}  // namespace sirfp
