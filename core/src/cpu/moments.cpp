// Every block is centred about its own mean m_b (rounded to fp32: shift a_b, residual r_b = sum w (x - a_b)) before it is multiplied, so no
// digits are lost to a large mean. What is missing from the image's scatter S is exact in fp64:
//   S = sum_b [ G_b - r_b r_b^T / W_b + W_b (m_b - m)(m_b - m)^T ],   m_b = a_b + r_b / W_b,   m = sum_b W_b m_b / sum_b W_b
#include "sirfp/moments.hpp"

#include <functional>
#include <vector>

#include "cpu_backend.hpp"
#include "finite.hpp"
#include "gram.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

class moments_sink final : public gram_sink {
 public:
  moments_sink(const gram_plan& plan, const feature_view& features, moments_state& batch, std::function<void(std::int64_t)> in_doubles)
      : plan_(plan),
        features_(features),
        batch_(batch),
        in_doubles_(std::move(in_doubles)),
        image_mean_(static_cast<std::size_t>(plan.channels)),
        step_(image_mean_.size()) {}

  bool begin_image(std::int64_t image, const block_totals& totals) override {
    if (!in_range(totals)) {
      require_finite(features_, image);
      in_doubles_(image);
      return false;
    }
    find_means(totals);
    find_deviations(totals);
    // Chan's update of the batch by this image
    const double total = batch_.host_weight + weight_;
    const double share = total > 0 ? weight_ / total : 0;
    cross_ = batch_.host_weight * share;
    for (std::size_t c = 0; c < step_.size(); ++c) {
      step_[c] = image_mean_[c] - batch_.mean.data()[c];
      batch_.mean.data()[c] += share * step_[c];
    }
    batch_.host_weight = total;
    return true;
  }

  void add_row(std::int64_t row, std::int64_t column, std::int64_t count, const double* sums) override {
    double* to = batch_.scatter.data() + packed_index(row, column);
    const auto i = static_cast<std::size_t>(row);
    const auto j = static_cast<std::size_t>(column);
    for (std::int64_t k = 0; k < count; ++k) to[k] += sums[k];
    if (cross_ != 0) add_outer(to, count, cross_ * step_[i], step_.data() + j);
    const std::size_t channels = step_.size();
    for (std::size_t b = 0; b < block_weight_.size(); ++b) {
      if (!(block_weight_[b] > 0)) continue;
      const double* deviation = deviation_.data() + b * channels;
      const double* residual = residual_.data() + b * channels;
      add_outer(to, count, block_weight_[b] * deviation[i], deviation + j);
      add_outer(to, count, -residual[i] / block_weight_[b], residual + j);
    }
    // Squares below 1e-45 are 0 in fp32, while that of their residual is not in fp64.
    if (const std::int64_t diagonal = row - column; diagonal >= 0 && diagonal < count && to[diagonal] < 0) to[diagonal] = 0;
  }

 private:
  static void add_outer(double* to, std::int64_t count, double scale, const double* row) {
    for (std::int64_t k = 0; k < count; ++k) to[k] += scale * row[k];
  }

  bool in_range(const block_totals& totals) const {
    for (std::int64_t b = 0; b < plan_.blocks; ++b)
      for (std::int64_t c = 0; c < plan_.channels; ++c)
        if (!(totals.magnitude[static_cast<std::size_t>(b * plan_.padded_channels() + c)] <= largest_magnitude)) return false;
    return true;
  }

  // Weight and mean of the image; residual_ [blocks][channels].
  void find_means(const block_totals& totals) {
    const std::size_t channels = step_.size();
    block_weight_ = totals.weight;
    weight_ = 0;
    for (const double w : block_weight_) weight_ += w;
    deviation_.assign(block_weight_.size() * channels, 0.0);
    residual_.assign(deviation_.size(), 0.0);
    for (std::size_t c = 0; c < channels; ++c) {
      // about the first block's shift, so that a mean of many blocks keeps its digits
      const auto about = static_cast<double>(totals.shift[c]);
      double sum = 0;
      for (std::size_t b = 0; b < block_weight_.size(); ++b) {
        const std::size_t at = b * static_cast<std::size_t>(plan_.padded_channels()) + c;
        residual_[b * channels + c] = totals.first[at];
        if (block_weight_[b] > 0) sum += block_weight_[b] * (static_cast<double>(totals.shift[at]) - about) + totals.first[at];
      }
      image_mean_[c] = weight_ > 0 ? about + sum / weight_ : 0;
    }
  }

  // deviation_ = m_b - m
  void find_deviations(const block_totals& totals) {
    const std::size_t channels = step_.size();
    for (std::size_t b = 0; b < block_weight_.size(); ++b) {
      if (!(block_weight_[b] > 0)) continue;
      for (std::size_t c = 0; c < channels; ++c) {
        const auto shift = static_cast<double>(totals.shift[b * static_cast<std::size_t>(plan_.padded_channels()) + c]);
        deviation_[b * channels + c] = (shift - image_mean_[c]) + residual_[b * channels + c] / block_weight_[b];
      }
    }
  }

  const gram_plan& plan_;
  const feature_view& features_;
  moments_state& batch_;
  std::function<void(std::int64_t)> in_doubles_;
  std::vector<double> image_mean_;
  std::vector<double> step_;  // image mean - mean of the images before
  double cross_ = 0;
  double weight_ = 0;
  std::vector<double> block_weight_;
  std::vector<double> residual_;
  std::vector<double> deviation_;
};

}  // namespace

void cpu_backend::batch_moments(const context& ctx, const feature_view& features, const pixel_weights& weights,
                                moments_state& batch) const {
  const gram_plan plan = plan_gram(features.channels, features.pixels(), features.images);
  const auto in_doubles = [&](std::int64_t image) {
    moments_state one{batch.channels, 0, 0, buffer(ctx.memory, batch.channels), buffer(ctx.memory, batch.scatter.size())};
    reference_backend::batch_moments(ctx, one_image(features, image), one_image(weights, image), one);
    merge_moments(ctx, batch, one);
  };
  moments_sink sink(plan, features, batch, in_doubles);
  form_gram(ctx, level_, plan, features, weights, packing::centred, sink);
}

}  // namespace sirfp
