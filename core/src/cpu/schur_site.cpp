#include "schur_site.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "../cholesky.hpp"
#include "../parts.hpp"
#include "schur_tuning.hpp"

namespace sirfp {
namespace {

blasint narrow(std::int64_t value) { return static_cast<blasint>(value); }
std::size_t size_of(std::int64_t value) { return static_cast<std::size_t>(value); }

// Column `column` of a symmetric matrix of which the lower triangle is held.
void load_column(const std::vector<double>& lower, std::int64_t n, std::int64_t column, double* to) {
  const double* from = lower.data() + column;
  for (std::int64_t i = 0; i < column; ++i) to[i] = from[i * n];
  std::copy_n(lower.data() + column * n + column, n - column, to + column);
}

}  // namespace

schur_site_state::schur_site_state(const schur_site& site, double lambda, std::int64_t panel, executor* threads) : n_(site.positions) {
  for (schur_occurrence& of : schur_occurrences(site.channel)) {
    channels_.push_back(of.channel);
    first_pair_.push_back(pairs_.size());
    for (std::size_t a = 0; a < of.positions.size(); ++a)
      for (std::size_t b = 0; b < a; ++b) pairs_.push_back({of.positions[a], of.positions[b], 0, 0});
    capacity_ = std::max(capacity_, static_cast<std::int64_t>(of.positions.size()));
    positions_.push_back(std::move(of.positions));
  }
  alive_.assign(channels_.size(), 1);
  costs_.assign(channels_.size(), 0.0);
  scale_ = scale_of(variances_of(site));
  if (!varies()) return;
  factorise(site, lambda, threads);
  copy_metric(site);

  capacity_ = std::max(capacity_, panel > 0 ? panel : schur_panel);
  root_.resize(size_of(n_ * capacity_));
  left_.resize(size_of(2 * n_ * capacity_));
  right_.resize(left_.size());
  coefficients_.resize(size_of(2 * capacity_));
  update_costs();
}

// P, its diagonal and floors, tr(M Sigma).
void schur_site_state::factorise(const schur_site& site, double lambda, executor* threads) {
  const auto covariance = [&](std::int64_t i, std::int64_t j) { return site.covariance[i * n_ + j] / scale_.unit / scale_.rest; };
  for (std::int64_t i = 0; i < n_; ++i) {
    for (std::int64_t j = 0; j < i; ++j) total_ += 2 * covariance(i, j) * site.metric[i * n_ + j];
    total_ += covariance(i, i) * site.metric[i * n_ + i];
  }
  total_ = std::max(0.0, total_) * scale_.unit * scale_.rest;
  precision_.resize(size_of(n_ * n_));
  const regularisation used = regularised_cholesky(
      precision_.data(), n_, scale_.mean_diagonal, lambda,
      [&](double* lower) {
        for (std::int64_t i = 0; i < n_; ++i)
          for (std::int64_t j = 0; j <= i; ++j) lower[j * n_ + i] = covariance(i, j);
      },
      threads);
  invert_from_cholesky(precision_.data(), n_, threads);
  for (std::int64_t i = 0; i < n_; ++i) {
    precision_diagonal_.push_back(precision_[size_of(i * n_ + i)]);
    floor_.push_back(1 / (covariance(i, i) + used.added(covariance(i, i))));
  }
}

void schur_site_state::copy_metric(const schur_site& site) {
  metric_.resize(size_of(n_ * n_));
  for (std::int64_t i = 0; i < n_; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) metric_[size_of(j * n_ + i)] = site.metric[i * n_ + j];
    metric_diagonal_.push_back(site.metric[i * n_ + i]);
  }
  for (pair& of : pairs_) {
    of.precision = precision_[size_of(of.low * n_ + of.high)];
    of.metric = metric_[size_of(of.low * n_ + of.high)];
  }
}

schur_block schur_site_state::block_of(std::size_t occurrence) {
  const auto& positions = positions_[occurrence];
  const auto size = static_cast<std::int64_t>(positions.size());
  block_.resize(std::max<std::size_t>(block_.size(), size_of(schur_block::doubles(size))));
  schur_block block(size, block_.data());
  std::size_t held = first_pair_[occurrence];
  for (std::int64_t a = 0; a < size; ++a) {
    const std::size_t j = size_of(positions[size_of(a)]);
    for (std::int64_t b = 0; b < a; ++b, ++held) {
      block.precision(a, b) = pairs_[held].precision;
      block.metric(a, b) = block.metric(b, a) = pairs_[held].metric;
    }
    block.precision(a, a) = precision_diagonal_[j];
    block.metric(a, a) = metric_diagonal_[j];
    block.floor(a) = floor_[j];
  }
  block.factorise();
  return block;
}

void schur_site_state::update_costs() {
  for (std::size_t o = 0; o < channels_.size(); ++o) {
    if (alive_[o] == 0) continue;
    if (positions_[o].size() > 1) {
      costs_[o] = block_of(o).cost() * scale_.unit * scale_.rest;
    } else {
      const std::size_t j = size_of(positions_[o][0]);
      costs_[o] = schur_cost(precision_diagonal_[j], metric_diagonal_[j], floor_[j]) * scale_.unit * scale_.rest;
    }
  }
}

void schur_site_state::remove(std::size_t occurrence, executor* threads) {
  alive_[occurrence] = 0;
  if (!varies()) return;
  const auto count = static_cast<std::int64_t>(positions_[occurrence].size());
  if (filled_ + count > capacity_) flush(threads);
  const auto& positions = positions_[occurrence];  // after the flush, which may renumber them
  load_columns(positions);
  transform_columns(block_of(occurrence));
  removed_.insert(removed_.end(), positions.begin(), positions.end());
  update_small(count);
  filled_ += count;
  update_costs();
}

// P[:,J] into the panel's next columns of U, M[:,J] into those of v, both up to date.
void schur_site_state::load_columns(std::span<const std::int64_t> positions) {
  for (std::size_t a = 0; a < positions.size(); ++a) {
    const std::int64_t j = positions[a];
    const std::int64_t column = filled_ + static_cast<std::int64_t>(a);
    double* root = root_.data() + column * n_;
    double* v = right_.data() + 2 * column * n_;
    load_column(precision_, n_, j, root);
    load_column(metric_, n_, j, v);
    if (filled_ == 0) continue;
    for (std::int64_t t = 0; t < filled_; ++t) coefficients_[size_of(t)] = root_[size_of(t * n_ + j)];
    cblas_dgemv(CblasColMajor, CblasNoTrans, narrow(n_), narrow(filled_), -1, root_.data(), narrow(n_), coefficients_.data(), 1, 1, root,
                1);
    for (std::int64_t t = 0; t < 2 * filled_; ++t) coefficients_[size_of(t)] = right_[size_of(t * n_ + j)];
    cblas_dgemv(CblasColMajor, CblasNoTrans, narrow(n_), narrow(2 * filled_), -1, left_.data(), narrow(n_), coefficients_.data(), 1, 1, v,
                1);
  }
}

// The new columns become U = P[:,J] L^-T, p = U L^-1 and v = M[:,J] - p M_JJ / 2. Rows of removed positions hold rounding from then on; it
// reaches no other row.
void schur_site_state::transform_columns(const schur_block& block) {
  const std::int64_t m = block.size();
  double* const root = root_.data() + filled_ * n_;
  double* const left = left_.data() + 2 * filled_ * n_;
  double* const right = right_.data() + 2 * filled_ * n_;
  const auto axpy = [&](double factor, const double* from, double* to) {
    for (std::int64_t i = 0; i < n_; ++i) to[i] += factor * from[i];
  };
  const auto scale = [&](double factor, double* values) {
    for (std::int64_t i = 0; i < n_; ++i) values[i] *= factor;
  };
  for (std::int64_t a = 0; a < m; ++a) {
    for (std::int64_t b = 0; b < a; ++b) axpy(-block.factor(a, b), root + b * n_, root + a * n_);
    scale(1 / block.factor(a, a), root + a * n_);
  }
  for (std::int64_t a = m - 1; a >= 0; --a) {
    double* p = left + 2 * a * n_;
    std::copy_n(root + a * n_, n_, p);
    for (std::int64_t b = a + 1; b < m; ++b) axpy(-block.factor(b, a), left + 2 * b * n_, p);
    scale(1 / block.factor(a, a), p);
  }
  for (std::int64_t a = 0; a < m; ++a) {
    double* v = right + 2 * a * n_;
    for (std::int64_t b = 0; b < m; ++b) axpy(-block.metric(a, b) / 2, left + 2 * b * n_, v);
    std::copy_n(v, n_, left + (2 * a + 1) * n_);
    std::copy_n(left + 2 * a * n_, n_, right + (2 * a + 1) * n_);
  }
}

// Brings the diagonals and the pairs up to date with the newest columns.
void schur_site_state::update_small(std::int64_t columns) {
  for (std::int64_t column = filled_; column < filled_ + columns; ++column) {
    const double* root = root_.data() + column * n_;
    const double* p = left_.data() + 2 * column * n_;
    const double* v = right_.data() + 2 * column * n_;
    for (std::int64_t i = 0; i < n_; ++i) {
      precision_diagonal_[size_of(i)] -= root[i] * root[i];
      metric_diagonal_[size_of(i)] -= 2 * p[i] * v[i];
    }
    for (pair& of : pairs_) {
      of.precision -= root[of.high] * root[of.low];
      of.metric -= v[of.high] * p[of.low] + p[of.high] * v[of.low];
    }
  }
}

// Applies the panel to P and M, one product each a block of columns.
void schur_site_state::flush(executor* threads) {
  const std::int64_t blocks = parts(n_, schur_block_columns);
  const auto update = [&](std::int64_t task) {
    const std::int64_t column = task * schur_block_columns;
    const std::int64_t width = std::min(schur_block_columns, n_ - column);
    const auto product = [&](std::int64_t depth, const double* left, const double* right, std::vector<double>& into) {
      cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, narrow(n_ - column), narrow(width), narrow(depth), -1, left + column, narrow(n_),
                  right + column, narrow(n_), 1, into.data() + column * n_ + column, narrow(n_));
    };
    product(filled_, root_.data(), root_.data(), precision_);
    product(2 * filled_, left_.data(), right_.data(), metric_);
  };
  if (threads != nullptr && blocks > 1) {
    threads->parallel_for(blocks, update);
  } else {
    for (std::int64_t task = 0; task < blocks; ++task) update(task);
  }
  filled_ = 0;
  if (static_cast<std::int64_t>(removed_.size()) * schur_compaction >= n_) compact();
}

// Drops the removed rows and columns, in place: an element never moves to a higher address.
void schur_site_state::compact() {
  std::vector<std::int64_t> number(size_of(n_), 0);  // of each position among those that stay; -1: goes
  for (const std::int64_t j : removed_) number[size_of(j)] = -1;
  std::vector<std::int64_t> staying;
  for (std::int64_t i = 0; i < n_; ++i)
    if (number[size_of(i)] == 0) {
      number[size_of(i)] = static_cast<std::int64_t>(staying.size());
      staying.push_back(i);
    }
  const auto left = static_cast<std::int64_t>(staying.size());
  for (std::int64_t j = 0; j < left; ++j)
    for (std::int64_t i = j; i < left; ++i) {
      const std::size_t from = size_of(staying[size_of(j)] * n_ + staying[size_of(i)]);
      precision_[size_of(j * left + i)] = precision_[from];
      metric_[size_of(j * left + i)] = metric_[from];
    }
  for (std::int64_t i = 0; i < left; ++i)
    for (std::vector<double>* values : {&precision_diagonal_, &metric_diagonal_, &floor_})
      (*values)[size_of(i)] = (*values)[size_of(staying[size_of(i)])];
  // A removed channel's positions and pairs keep a valid number, whatever it is: they are never read for a result again.
  for (auto& positions : positions_)
    for (std::int64_t& position : positions) position = std::max<std::int64_t>(0, number[size_of(position)]);
  for (pair& of : pairs_) {
    of.high = std::max<std::int64_t>(0, number[size_of(of.high)]);
    of.low = std::max<std::int64_t>(0, number[size_of(of.low)]);
  }
  n_ = left;
  removed_.clear();
}

}  // namespace sirfp
