// The launches of compensation.cu, for the host code in compensation.cpp. Everything is in device memory.
#pragma once

#include <cstdint>

#include "cholesky.hpp"
#include "sirfp/device_facts.hpp"

namespace sirfp {

// Moments of a site: scatter, packed lower triangle, and what it is multiplied by to be a covariance in a power of two near 1.
struct compensation_site {
  const double* mean;
  const double* scatter;
  double inverse_weight;
  double first_power, second_power;  // both multiply: their product may be no double itself
};

// Positions of a site that stay and that go, ascending.
struct compensation_positions {
  const std::int32_t* kept;
  const std::int32_t* removed;
  std::int64_t kept_count;
  std::int64_t removed_count;
};

// diagonal[i] = scatter_ii of `channels` channels.
void launch_compensation_diagonal(const device_facts& facts, const double* scatter, std::int64_t channels, double* diagonal, void* stream);
// system = Sigma_KK + r, the lower triangle [kept x kept].
void launch_compensation_system(const device_facts& facts, const compensation_site& site, const compensation_positions& at,
                                const regularisation& added, double* system, void* stream);
// right_sides = Sigma_RK, [removed x kept].
void launch_compensation_right_sides(const device_facts& facts, const compensation_site& site, const compensation_positions& at,
                                     double* right_sides, void* stream);
// offset = m_R - matrix m_K; without a matrix m_R.
void launch_compensation_offsets(const device_facts& facts, const compensation_site& site, const compensation_positions& at,
                                 const double* matrix, double* offset, void* stream);
// explained[r] = matrix row r . Sigma_Kr.
void launch_compensation_explained(const device_facts& facts, const compensation_site& site, const compensation_positions& at,
                                   const double* matrix, double* explained, void* stream);

// Of a weight [outputs x inputs x taps]: taken[(output, tap) x removed] = W[:, R], bias[output] = (sum over taps of W[:, R]) offset.
void launch_compensation_take(const device_facts& facts, const double* weight, std::int64_t outputs, std::int64_t taps,
                              const compensation_positions& at, const double* offset, double* taken, double* bias, void* stream);
// W[:, K] += folded[(output, tap) x kept].
void launch_compensation_add(const device_facts& facts, const double* folded, std::int64_t outputs, std::int64_t taps,
                             const compensation_positions& at, double* weight, void* stream);

}  // namespace sirfp
