// What the kept channels can say for the removed ones (METHOD 7): per consumer site, an affine prediction and the weights that absorb it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sirfp/context.hpp"
#include "sirfp/moments.hpp"

namespace sirfp {

enum class compensation : std::uint8_t { none, constant, least_squares };

// z_R ~ matrix z_K + offset.   least_squares: matrix = Sigma_RK (Sigma_KK + lambda mean(diag Sigma) I)^-1, offset = m_R - matrix m_K
//                              constant: matrix = 0, offset = m_R          none: both 0
struct site_prediction {
  std::vector<std::int32_t> kept;  // positions of the site, ascending
  std::vector<std::int32_t> removed;
  std::vector<double> matrix;  // [removed x kept], row-major
  std::vector<double> offset;  // [removed]
};

// `kept_position[i]` non-zero: position i stays. Never NaN: a singular or zero covariance is regularised further until it factorises.
site_prediction predict_removed(const moments& site, std::span<const std::uint8_t> kept_position, compensation how, double lambda = 1e-3);

// A consumer's weight as [outputs, inputs, taps] row-major (transposed convolutions are presented so by the caller): for every tap
//   W[:, K] += W[:, R] matrix;   returns [outputs], to be added to the bias:  (sum over taps of W[:, R]) offset
// W[:, R] is left as it was. Exact but for zero-padded borders.
std::vector<double> fold_prediction(const site_prediction& prediction, std::span<double> weight, std::int64_t outputs, std::int64_t inputs,
                                    std::int64_t taps);

// The same where a backend computes: the moments are read where they lie, and on a device the matrix stays there.
class resident_prediction {
 public:
  virtual ~resident_prediction() = default;
  // All wait for the device, and throw invalid_argument when shapes disagree.
  // fold_prediction of a weight on the host, whose inputs are the channels of the site.
  virtual std::vector<double> fold_sync(std::span<double> weight, std::int64_t outputs, std::int64_t taps) const = 0;
  // [removed]: the variance of each removed position that the kept ones explain, matrix row . Sigma_Kr, in moments of the same positions
  // that lie where the backend computes.
  virtual std::vector<double> explained_sync(const moments_state& site) const = 0;
  // [kept]: a row of the matrix, by place among the removed positions.
  virtual std::vector<double> row_sync(std::int64_t removed) const = 0;
};

// Several sites are one with all their pixels; `kept_position` as above. O(kept^2 (kept / 3 + removed)) in fp64; on a device by its
// library's factorisation, whose last bits differ from the host's. Moments that lie elsewhere than `ctx` computes are copied there first.
// Waits for the device; throws invalid_argument, what the notes of a site say, and out_of_memory.
std::unique_ptr<const resident_prediction> predict_resident_sync(const context& ctx, std::span<const moments_state* const> sites,
                                                                 std::span<const std::uint8_t> kept_position, compensation how,
                                                                 double lambda = 1e-3);

}  // namespace sirfp
