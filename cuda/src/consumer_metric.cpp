// The host's part of a site's matrices: a weight goes to the device in parts, its products stay there.
#include "sirfp/consumer_metric.hpp"

#include <algorithm>
#include <cmath>

#include "consumer_metric_kernels.hpp"
#include "cuda_backend.hpp"
#include "device_array.hpp"
#include "weight_parts.hpp"

namespace sirfp {

void cuda_backend::covariance(const context& ctx, const moments_state& site, double weight, buffer& square) const {
  const device::device_scope scope(device_);
  launch_covariance(facts_, site.scatter.data(), site.channels, weight > 0 ? 1 / weight : 0, square.data(), ctx.stream);
}

void cuda_backend::add_consumer_metric(const context& ctx, const consumer_weight& consumer, site_matrices& site) const {
  const device::device_scope scope(device_);
  const auto& [values, outputs, inputs, taps, norm_gain] = consumer;
  device_array<double> gram(inputs * inputs, ctx.stream);
  gram.zero();
  const std::int64_t step = outputs_at_once(inputs, taps);
  for (std::int64_t first = 0; first < outputs; first += step) {
    const std::int64_t count = std::min(step, outputs - first);
    const device_array<double> part(
        values.subspan(static_cast<std::size_t>(first * inputs * taps), static_cast<std::size_t>(count * inputs * taps)), ctx.stream);
    std::vector<double> scales;
    for (std::int64_t o = 0; o < count && !norm_gain.empty(); ++o)
      scales.push_back(std::sqrt(norm_gain[static_cast<std::size_t>(first + o)]));
    const device_array<double> scale(std::span<const double>(scales), ctx.stream);
    const device_array<double> rows(count * taps * inputs, ctx.stream);
    launch_metric_rows(facts_, part.data(), scale.data(), count, inputs, taps, rows.data(), ctx.stream);
    libraries_.products().add_square(rows.data(), count * taps, inputs, gram.data(), ctx.stream);
  }
  const device_array<double> row_sums(norm_gain.empty() ? inputs : 0, ctx.stream);
  const device_array<double> denominator(norm_gain.empty() ? 1 : 0, ctx.stream);
  if (norm_gain.empty())
    launch_metric_denominator(facts_, gram.data(), site.covariance.data(), inputs, row_sums.data(), denominator.data(), ctx.stream);
  launch_metric_add(facts_, gram.data(), denominator.data(), inputs, site.metric.data(), ctx.stream);
}

}  // namespace sirfp
