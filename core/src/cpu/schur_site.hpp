// One site of a joint elimination on the CPU: P and M with delayed updates.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../schur_block.hpp"
#include "../schur_positions.hpp"
#include "../schur_scale.hpp"
#include "sirfp/parallel.hpp"
#include "sirfp/schur_elimination.hpp"

namespace sirfp {

// Computes: P -= p P_JJ p^T,  M -= v p^T + p v^T (METHOD 4, v = q - p M_JJ / 2) for each removed J, `panel` columns at a time: until a
// panel
//           is full only the diagonals, the pairs inside channels and the columns that a removal needs are brought up to date.
// Memory:   P and M, n x n each (lower triangles, column-major), and 5 n panel; one more n x n while it is constructed.
// Order:    products on a fixed grid of column blocks, so the same bits for any number of threads.
class schur_site_state {
 public:
  // A null executor: on the caller's thread.
  schur_site_state(const schur_site& site, double lambda, std::int64_t panel, executor* threads);

  double total() const { return total_; }  // tr(M Sigma)
  std::size_t occurrences() const { return channels_.size(); }
  std::int32_t channel(std::size_t occurrence) const { return channels_[occurrence]; }
  double cost(std::size_t occurrence) const { return costs_[occurrence]; }  // as of now; of a removed one: undefined
  void remove(std::size_t occurrence, executor* threads);

 private:
  struct pair {  // two positions of one channel, high > low
    std::int64_t high, low;
    double precision, metric;
  };
  void factorise(const schur_site& site, double lambda, executor* threads);
  void copy_metric(const schur_site& site);
  bool varies() const { return scale_.mean_diagonal > 0; }
  schur_block block_of(std::size_t occurrence);  // in block_
  void update_costs();
  void load_columns(std::span<const std::int64_t> positions);
  void transform_columns(const schur_block& block);
  void update_small(std::int64_t columns);
  void flush(executor* threads);
  void compact();

  std::int64_t n_ = 0;  // positions held, the removed ones since the last compaction included
  std::vector<double> precision_, metric_;
  std::vector<double> precision_diagonal_, metric_diagonal_, floor_;
  std::vector<pair> pairs_;  // those of one channel stand together
  std::vector<std::int64_t> removed_;

  std::vector<std::int32_t> channels_;  // per occurrence
  std::vector<std::vector<std::int64_t>> positions_;
  std::vector<std::size_t> first_pair_;
  std::vector<std::uint8_t> alive_;
  std::vector<double> costs_;

  std::int64_t capacity_ = 0;  // of the panel, columns
  std::int64_t filled_ = 0;
  std::vector<double> root_;          // U = P[:,J] L^-T
  std::vector<double> left_, right_;  // columns p v p v ... and v p v p ...
  std::vector<double> coefficients_;
  std::vector<double> block_;
  schur_scale scale_;
  double total_ = 0;
};

}  // namespace sirfp
