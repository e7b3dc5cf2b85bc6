// The cuda backend. One file an operation, with the stem that it has in core; kernels in *.cu, decisions in *_plan.cpp.
#pragma once

#include "cuda_libraries.hpp"
#include "gram.hpp"
#include "gram_plan.hpp"
#include "sirfp/backend.hpp"
#include "sirfp/cuda_options.hpp"
#include "sirfp/device_facts.hpp"

namespace sirfp {

class cuda_backend final : public backend {
 public:
  // Made while `device` is the current one.
  cuda_backend(int device, const device_facts& facts, const cuda_options& options) : device_(device), facts_(facts), options_(options) {
    if (options.engine == gram_engine::cublas) libraries_.products();  // what is missing is said now
  }
  std::string_view name() const noexcept override { return "cuda"; }
  memory_space space() const noexcept override { return memory_space::cuda; }
  bool reads(const void* data) const override;
  std::int64_t note_words() const noexcept override;
  void merge_notes(const context&, buffer& into, const buffer& from, std::int64_t images_before) const override;
  std::int64_t readings_at_once() const noexcept override;
  void add_similarity(const context&, std::span<const similarity_reading>, const similarity_options&) const override;
  void add_moments(const context&, std::span<const moments_reading>) const override;
  void batch_edge_score(const context&, const feature_view&, edge_state&) const override;
  void combine(const context&, buffer&, double, const buffer&, double) const override;
  void merge_moments(const context&, moments_state&, const moments_state&) const override;
  void add_redundancy(const context&, const similarity_state&, const row_positions&, redundancy_scale, std::int64_t pixels,
                      buffer& square) const override;
  void eliminate(const context&, std::span<const redundancy_matrix>, std::span<elimination>) const override;
  // Both one call at a time: they share the solver.
  schur_elimination eliminate_joint(const context&, std::int64_t, std::span<const schur_site>, const schur_options&) const override;
  void scatter_diagonal(const context&, const moments_state&, buffer& diagonal) const override;
  void covariance(const context&, const moments_state&, double weight, buffer& square) const override;
  void add_consumer_metric(const context&, const consumer_weight&, site_matrices&) const override;
  std::unique_ptr<const resident_prediction> predict_sync(const context&, const moments_state&, std::span<const std::uint8_t>, compensation,
                                                          double lambda) const override;

 private:
  bool shares_launches() const noexcept { return options_.engine != gram_engine::cublas && options_.precision == gram_precision::standard; }
  device_gram_plan gram_plan_of(const feature_view& features, const pixel_weights& weights, bool centred) const {
    return plan_device_gram(request_of(features, weights, centred, options_), facts_);
  }
  bool joins(const feature_view& features, const device_gram_plan& plan) const noexcept {
    return shares_launches() && plan.images_at_once == features.images;
  }
  void gram(const context&, const feature_view&, const pixel_weights&, const gram_target&) const;
  int device_;
  device_facts facts_;
  cuda_options options_;
  cuda_libraries libraries_;
};

}  // namespace sirfp
