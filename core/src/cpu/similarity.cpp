// R = D (X W X^T) D with D = diag(1 / n): the raw Gram matrix first, scaled once at the end; the norms fall out of the packing.
#include "sirfp/similarity.hpp"

#include <functional>
#include <vector>

#include "cpu_backend.hpp"
#include "finite.hpp"
#include "gram.hpp"
#include "sirfp/packed.hpp"

namespace sirfp {
namespace {

class similarity_sink final : public gram_sink {
 public:
  // `in_doubles(image)` adds an image whose values are too large for fp32 products.
  similarity_sink(const gram_plan& plan, const feature_view& features, double epsilon, double* matrix,
                  std::function<void(std::int64_t)> in_doubles)
      : plan_(plan),
        features_(features),
        epsilon_(epsilon),
        matrix_(matrix),
        in_doubles_(std::move(in_doubles)),
        inverse_norm_(channels()) {}

  bool begin_image(std::int64_t image, const block_totals& totals) override {
    bool in_range = true;
    for (std::size_t c = 0; c < channels(); ++c) {
      double norm = 0;
      double magnitude = 0;
      for (std::size_t at = c; at < totals.first.size(); at += static_cast<std::size_t>(plan_.padded_channels())) {
        norm += totals.first[at];
        magnitude += totals.magnitude[at];
      }
      inverse_norm_[c] = 1 / (norm + epsilon_);
      in_range = in_range && norm <= largest_magnitude && magnitude <= largest_magnitude;
    }
    if (in_range) return true;
    require_finite(features_, image);
    in_doubles_(image);
    return false;
  }

  void add_row(std::int64_t row, std::int64_t column, std::int64_t count, const double* sums) override {
    double* to = matrix_ + packed_index(row, column);
    const double scale = inverse_norm_[static_cast<std::size_t>(row)];
    const double* other = inverse_norm_.data() + column;
    for (std::int64_t k = 0; k < count; ++k) to[k] += sums[k] * (scale * other[k]);
  }

 private:
  std::size_t channels() const { return static_cast<std::size_t>(plan_.channels); }
  const gram_plan& plan_;
  const feature_view& features_;
  double epsilon_;
  double* matrix_;
  std::function<void(std::int64_t)> in_doubles_;
  std::vector<double> inverse_norm_;
};

}  // namespace

void cpu_backend::batch_similarity(const context& ctx, const feature_view& features, const pixel_weights& weights,
                                   const similarity_options& options, similarity_state& sums) const {
  const gram_plan plan = plan_gram(features.channels, features.pixels(), features.images);
  const auto in_doubles = [&](std::int64_t image) {
    reference_backend::batch_similarity(ctx, one_image(features, image), one_image(weights, image), options, sums);
  };
  similarity_sink sink(plan, features, options.epsilon, sums.matrix.data(), in_doubles);
  form_gram(ctx, level_, plan, features, weights, packing::raw, sink);
}

}  // namespace sirfp
