// The reference backend: fp64 plain loops, never tuned. One file an operation, beside the file of the same name in src/cpu.
#pragma once

#include "sirfp/backend.hpp"

namespace sirfp {

class reference_backend : public backend {
 public:
  std::string_view name() const noexcept override { return "reference"; }
  memory_space space() const noexcept override { return memory_space::host; }
  void add_similarity(const context&, std::span<const similarity_reading>, const similarity_options&) const override;
  void add_moments(const context&, std::span<const moments_reading>) const override;
  void batch_edge_score(const context&, const feature_view&, edge_state&) const override;
  void combine(const context&, buffer&, double, const buffer&, double) const override;
  void merge_moments(const context&, moments_state&, const moments_state&) const override;
  void add_redundancy(const context&, const similarity_state&, const row_positions&, redundancy_scale, std::int64_t pixels,
                      buffer& square) const override;
  void eliminate(const context&, std::span<const redundancy_matrix>, std::span<elimination>) const override;
  schur_elimination eliminate_joint(const context&, std::int64_t, std::span<const schur_site>, const schur_options&) const override;
  void scatter_diagonal(const context&, const moments_state&, buffer& diagonal) const override;
  void covariance(const context&, const moments_state&, double weight, buffer& square) const override;
  void add_consumer_metric(const context&, const consumer_weight&, site_matrices&) const override;
  std::unique_ptr<const resident_prediction> predict_sync(const context&, const moments_state&, std::span<const std::uint8_t>, compensation,
                                                          double lambda) const override;

 protected:
  // One batch (batch_states.hpp).
  virtual void batch_similarity(const context&, const feature_view&, const pixel_weights&, const similarity_options&,
                                similarity_state& sums) const;
  virtual void batch_moments(const context&, const feature_view&, const pixel_weights&, moments_state& batch) const;
};

}  // namespace sirfp
