// The cpu backend: BLAS, SIMD and threads. What is cheap anyway (merging states) it shares with the reference backend.
#pragma once

#include "../reference/reference_backend.hpp"

namespace sirfp {

class cpu_backend final : public reference_backend {
 public:
  std::string_view name() const noexcept override { return "cpu"; }
  void batch_similarity(const context&, const feature_view&, const pixel_weights&, const similarity_options&, similarity_state&) const override;
  void batch_moments(const context&, const feature_view&, const pixel_weights&, moments_state&) const override;
  void batch_edge_score(const context&, const feature_view&, edge_state&) const override;
  void eliminate(const context&, std::span<const redundancy_matrix>, std::span<elimination>) const override;
  schur_elimination eliminate_joint(const context&, std::int64_t, std::span<const schur_site>, const schur_options&) const override;
};

}  // namespace sirfp
