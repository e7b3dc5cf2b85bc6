// Feature maps and weights where a context's backend reads them: as they are on the host, else copied to the device, padding and all.
#pragma once

#include <cstddef>
#include <memory>

#include "sirfp/context.hpp"
#include "support/feature_cases.hpp"

namespace sirfp::test {

class placed_features {
 public:
  placed_features(const context& ctx, const feature_map& map) : placed_features(ctx, map.view()) {
    if (memory_->space() == memory_space::host) return;
    const auto storage = map.storage();
    std::byte* const copy = keep(storage);
    view_.data = copy + (static_cast<const std::byte*>(view_.data) - storage.data());
    view_.space = memory_->space();
  }
  placed_features(const context& ctx, const feature_data& data) : placed_features(ctx, data.map) {
    place(data.weight_values, data.weight_stride);
  }
  placed_features(const context& ctx, const feature_map& map, std::vector<float> weights, std::int64_t image_stride)
      : placed_features(ctx, map) {
    place(std::move(weights), image_stride);
  }
  placed_features(const placed_features&) = delete;
  placed_features& operator=(const placed_features&) = delete;
  ~placed_features() {
    for (const auto& [pointer, bytes] : copies_) memory_->deallocate(pointer, bytes);
  }

  const feature_view& view() const { return view_; }
  const pixel_weights& weights() const { return weights_; }

 private:
  // Where a constructor goes on from here, what it has is given back though it may throw.
  placed_features(const context& ctx, const feature_view& view) : memory_(ctx.memory), view_(view) {}
  std::byte* keep(std::span<const std::byte> bytes) {
    copies_.reserve(copies_.size() + 1);
    copies_.emplace_back(memory_->allocate(bytes.size()), bytes.size());
    memory_->copy_from_host(copies_.back().first, bytes.data(), bytes.size());
    return static_cast<std::byte*>(copies_.back().first);
  }
  void place(std::vector<float> weights, std::int64_t image_stride) {
    if (weights.empty()) return;
    host_weights_ = std::move(weights);
    const bool on_host = memory_->space() == memory_space::host;
    weights_ = {on_host ? host_weights_.data() : reinterpret_cast<const float*>(keep(std::as_bytes(std::span(host_weights_)))),
                image_stride};
  }

  std::shared_ptr<memory_resource> memory_;
  feature_view view_;
  pixel_weights weights_;
  std::vector<float> host_weights_;
  std::vector<std::pair<void*, std::size_t>> copies_;
};

}  // namespace sirfp::test
