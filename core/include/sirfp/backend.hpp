// What a backend computes. Coarse operations: the virtual call is free beside the work. Arguments have been checked by the entry
// functions (core/src/entry); a backend may rely on that. `reference` and `cpu` are in core, `cuda` slots in beside them.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "sirfp/compensation.hpp"
#include "sirfp/consumer_metric.hpp"
#include "sirfp/context.hpp"
#include "sirfp/edge_score.hpp"
#include "sirfp/elimination.hpp"
#include "sirfp/features.hpp"
#include "sirfp/moments.hpp"
#include "sirfp/redundancy_sum.hpp"
#include "sirfp/schur_elimination.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp {

class backend {
 public:
  virtual ~backend() = default;
  virtual std::string_view name() const noexcept = 0;
  virtual memory_space space() const noexcept = 0;
  // Can it work on what lies there? A view's memory space is the caller's word, and a device that reads elsewhere faults.
  virtual bool reads(const void* /*data*/) const { return true; }
  // A backend that does not wait for what it computes notes bad input beside the sums: how many words a state's `notes` have, and how one
  // state's join another's that counted `images_before` images. The sum of weights of a moments state is merge_moments' business.
  virtual std::int64_t note_words() const noexcept { return 0; }
  virtual void merge_notes(const context&, buffer& /*into*/, const buffer& /*from*/, std::int64_t /*images_before*/) const {}

  // How many readings it takes for about the price of one: a caller may keep small maps that long.
  virtual std::int64_t readings_at_once() const noexcept { return 1; }
  // Adds each reading, which has images, to its state, which is empty or of the right width and mode, and counts its images there. The same
  // state may come several times. When it throws out_of_memory, invalid_argument or non_finite_error, each state is as it was or has a
  // whole batch.
  virtual void add_similarity(const context&, std::span<const similarity_reading>, const similarity_options&) const = 0;
  virtual void add_moments(const context&, std::span<const moments_reading>) const = 0;
  // Fills `batch`, a zeroed state of the right width, from one batch of images; the entry function merges it into the caller's.
  virtual void batch_edge_score(const context&, const feature_view&, edge_state& batch) const = 0;

  // into = scale_into * into + scale_from * from, element by element.
  virtual void combine(const context&, buffer& into, double scale_into, const buffer& from, double scale_from) const = 0;
  virtual void merge_moments(const context&, moments_state& into, const moments_state& from) const = 0;

  // Of a state with images, without bad notes.
  virtual void add_redundancy(const context&, const similarity_state&, const row_positions&, redundancy_scale, std::int64_t pixels,
                              buffer& square) const = 0;
  virtual void eliminate(const context&, std::span<const redundancy_matrix>, std::span<elimination> results) const = 0;
  virtual schur_elimination eliminate_joint(const context&, std::int64_t channels, std::span<const schur_site>,
                                            const schur_options&) const = 0;
  // Of moments with images, without bad notes, in the backend's space: `diagonal` is [n] and zero.
  virtual void scatter_diagonal(const context&, const moments_state&, buffer& diagonal) const = 0;
  // Of such moments too: `square` is [n x n] and zero, `weight` the sum of pixel weights.
  virtual void covariance(const context&, const moments_state&, double weight, buffer& square) const = 0;
  virtual void add_consumer_metric(const context&, const consumer_weight&, site_matrices&) const = 0;
  // Of such moments too.
  virtual std::unique_ptr<const resident_prediction> predict_sync(const context&, const moments_state&,
                                                                  std::span<const std::uint8_t> kept_position, compensation,
                                                                  double lambda) const = 0;
};

}  // namespace sirfp
