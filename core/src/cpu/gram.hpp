// The weighted Gram matrix of a batch's channels, image by image: packs pixels, multiplies the lower triangle, hands the rows to a sink.
#pragma once

#include <cstdint>
#include <vector>

#include "gram_plan.hpp"
#include "simd_level.hpp"
#include "sirfp/context.hpp"
#include "sirfp/features.hpp"

namespace sirfp {

// Per block and channel (at block * padded_channels + channel), of one image.
struct block_totals {
  std::vector<double> first;      // raw: sum_p w |x|;  centred: sum_p w (x - shift)
  std::vector<double> magnitude;  // sum_p |packed value|; NaN or infinite when a value is
  std::vector<float> shift;       // centred: about the block's mean
  std::vector<double> weight;     // [blocks], sum_p w
};

class gram_sink {
 public:
  virtual ~gram_sink() = default;
  // All pixels of an image have been read; called once an image, in order. False: the sink has dealt with the image, no rows are wanted.
  virtual bool begin_image(std::int64_t image, const block_totals& totals) = 0;
  // sums[k] = sum_p y_row y_(column + k) for k < count, with y = sqrt(w) x or sqrt(w) (x - shift). Once for every element of the triangle,
  // from any thread.
  virtual void add_row(std::int64_t row, std::int64_t column, std::int64_t count, const double* sums) = 0;
};

enum class packing : std::uint8_t { raw, centred };

// Products overflow fp32 only beyond this: (sum_p |y|)^2 bounds every sum of products.
constexpr double largest_magnitude = 1e18;

void form_gram(const context& ctx, simd_level level, const gram_plan& plan, const feature_view& features, const pixel_weights& weights,
               packing kind, gram_sink& sink);

}  // namespace sirfp
