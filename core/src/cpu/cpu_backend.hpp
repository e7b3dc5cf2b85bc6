// The cpu backend: BLAS, SIMD and threads. What is cheap anyway (merging states) it shares with the reference backend.
#pragma once

#include "../reference/reference_backend.hpp"
#include "simd_level.hpp"

namespace sirfp {

class cpu_backend final : public reference_backend {
 public:
  // The tests run every level that the processor has.
  explicit cpu_backend(simd_level level = best_simd_level()) noexcept : level_(level) {}
  std::string_view name() const noexcept override { return "cpu"; }
  void batch_edge_score(const context&, const feature_view&, edge_state&) const override;
  void combine(const context&, buffer&, double, const buffer&, double) const override;
  void merge_moments(const context&, moments_state&, const moments_state&) const override;
  void eliminate(const context&, std::span<const redundancy_matrix>, std::span<elimination>) const override;
  schur_elimination eliminate_joint(const context&, std::int64_t, std::span<const schur_site>, const schur_options&) const override;

 protected:
  void batch_similarity(const context&, const feature_view&, const pixel_weights&, const similarity_options&,
                        similarity_state&) const override;
  void batch_moments(const context&, const feature_view&, const pixel_weights&, moments_state&) const override;

 private:
  simd_level level_;
};

}  // namespace sirfp
