#include "sirfp/similarity.hpp"

#include "batch_states.hpp"
#include "cuda_backend.hpp"
#include "device/runtime.hpp"
#include "gram.hpp"
#include "gram_cublas.hpp"
#include "gram_readings.hpp"
#include "gram_tuning.hpp"

namespace sirfp {

std::int64_t cuda_backend::readings_at_once() const noexcept { return shares_launches() ? gram_tuning::sites_at_once : 1; }

void cuda_backend::gram(const context& ctx, const feature_view& features, const pixel_weights& weights, const gram_target& target) const {
  if (options_.engine == gram_engine::cublas)
    form_gram_by_cublas(features, weights, target, libraries_.products(), ctx.stream);
  else
    form_gram(features, weights, target, options_, facts_, ctx.stream);
}

void cuda_backend::add_similarity(const context& ctx, std::span<const similarity_reading> readings,
                                  const similarity_options& options) const {
  struct way {
    const cuda_backend& owner;
    const context& ctx;
    const similarity_options& options;

    device_gram_plan plan(const similarity_reading& reading) const { return owner.gram_plan_of(reading.features, reading.weights, false); }
    bool joins(const similarity_reading& reading, const device_gram_plan& plan) const { return owner.joins(reading.features, plan); }
    similarity_state zeroed(std::int64_t channels) const { return zeroed_similarity(ctx, channels, options.mode); }
    gram_job job(const similarity_reading& reading, similarity_state& state) const {
      const bool moves = options.mode == accumulation::ema;
      const double share = moves ? (1 - options.ema_rate) / static_cast<double>(reading.features.images) : 1;
      return {reading.features,
              reading.weights,
              {.matrix = state.matrix.data(),
               .notes = state.notes.data(),
               .images_before = state.images,
               .epsilon = options.epsilon,
               .joins = true,
               .keep = moves ? options.ema_rate : 1,
               .share = share}};
    }
    void add_alone(const similarity_reading& reading) const {
      add_batch(ctx, reading, options, [&](similarity_state& sums) {
        owner.gram(ctx, reading.features, reading.weights, {sums.matrix.data(), nullptr, sums.notes.data(), sums.images, options.epsilon});
      });
    }
  };
  const device::device_scope scope(device_);
  const way by{*this, ctx, options};
  reading_groups<similarity_reading, way>(ctx, by).add(readings);
}

}  // namespace sirfp
