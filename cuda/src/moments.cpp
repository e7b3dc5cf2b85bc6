#include "sirfp/moments.hpp"

#include "batch_states.hpp"
#include "cuda_backend.hpp"
#include "device/runtime.hpp"
#include "gram.hpp"
#include "gram_readings.hpp"

namespace sirfp {

void cuda_backend::add_moments(const context& ctx, std::span<const moments_reading> readings) const {
  struct way {
    const cuda_backend& owner;
    const context& ctx;

    device_gram_plan plan(const moments_reading& reading) const { return owner.gram_plan_of(reading.features, reading.weights, true); }
    bool joins(const moments_reading& reading, const device_gram_plan& plan) const { return owner.joins(reading.features, plan); }
    moments_state zeroed(std::int64_t channels) const { return zeroed_moments(ctx, channels); }
    gram_job job(const moments_reading& reading, moments_state& state) const {
      return {reading.features,
              reading.weights,
              {.matrix = state.scatter.data(),
               .mean = state.mean.data(),
               .notes = state.notes.data(),
               .images_before = state.images,
               .joins = true,
               .host_weight = state.host_weight}};
    }
    void add_alone(const moments_reading& reading) const {
      add_batch(ctx, reading, [&](moments_state& batch) {
        owner.gram(ctx, reading.features, reading.weights, {batch.scatter.data(), batch.mean.data(), batch.notes.data(), 0});
      });
    }
  };
  const device::device_scope scope(device_);
  const way by{*this, ctx};
  reading_groups<moments_reading, way>(ctx, by).add(readings);
}

}  // namespace sirfp
