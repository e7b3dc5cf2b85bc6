// METHOD 6, `measured`: predicted cost curves brought to the scale of what the network's output was seen to lose.
#include <algorithm>
#include <cmath>
#include <optional>

#include "sirfp/expects.hpp"
#include "sirfp/removal_curve.hpp"

namespace sirfp {
namespace {

struct ratio_point {
  std::int64_t removed = 0;
  double log_ratio = 0;
};

std::vector<double> cumulated(const removal_curve& curve) {
  std::vector<double> total(curve.costs.size() + 1, 0.0);
  for (std::size_t t = 0; t < curve.costs.size(); ++t) total[t + 1] = total[t] + curve.costs[t];
  return total;
}

// Ratios where the prediction says something; the caller spreads them to the points where it does not.
std::vector<std::optional<double>> valid_ratios(const std::vector<double>& total, const sensitivity_curve& measured) {
  std::vector<std::optional<double>> ratios;
  for (const sensitivity_point& point : measured.points) {
    SIRFP_EXPECTS(point.removed >= 0 && point.removed < static_cast<std::int64_t>(total.size()), "sensitivity point with ", point.removed,
                  " channels removed of ", total.size() - 1);
    SIRFP_EXPECTS(std::isfinite(point.error) && point.error >= 0, "sensitivity point with error ", point.error);
    const double predicted = total[static_cast<std::size_t>(point.removed)];
    const bool valid = predicted > 1e-9 * total.back() && predicted > 0;
    ratios.push_back(valid ? std::optional(point.error / predicted) : std::nullopt);
  }
  return ratios;
}

double median(std::vector<double> values) {
  if (values.empty()) return 1;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<ratio_point> ratio_points(const sensitivity_curve& measured, const std::vector<std::optional<double>>& ratios, double typical) {
  std::vector<ratio_point> points;
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    std::optional<double> ratio = ratios[i];
    for (std::size_t away = 1; !ratio && away < ratios.size(); ++away) {
      if (i >= away && ratios[i - away]) ratio = ratios[i - away];
      if (!ratio && i + away < ratios.size() && ratios[i + away]) ratio = ratios[i + away];
    }
    const double clipped = std::clamp(ratio.value_or(typical), 1e-3 * typical, 1e3 * typical);
    points.push_back({measured.points[i].removed, std::log(clipped)});
  }
  return points;
}

double ratio_at(const std::vector<ratio_point>& points, std::int64_t removed) {
  if (removed <= points.front().removed) return std::exp(points.front().log_ratio);
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (removed > points[i].removed) continue;
    const double share =
        static_cast<double>(removed - points[i - 1].removed) / static_cast<double>(points[i].removed - points[i - 1].removed);
    return std::exp((1 - share) * points[i - 1].log_ratio + share * points[i].log_ratio);
  }
  return std::exp(points.back().log_ratio);
}

}  // namespace

std::vector<std::vector<double>> calibrate_curves(std::span<const removal_curve> curves, std::span<const sensitivity_curve> measured) {
  std::vector<std::vector<double>> errors;
  std::vector<const sensitivity_curve*> of_curve;
  std::vector<std::vector<std::optional<double>>> ratios;
  std::vector<double> all;
  for (const removal_curve& curve : curves) {
    const auto found = std::find_if(measured.begin(), measured.end(), [&](const sensitivity_curve& m) { return m.group == curve.group; });
    of_curve.push_back(found == measured.end() || found->points.empty() ? nullptr : &*found);
    errors.push_back(cumulated(curve));
    ratios.push_back(of_curve.back() != nullptr ? valid_ratios(errors.back(), *of_curve.back()) : std::vector<std::optional<double>>{});
    for (const auto& ratio : ratios.back())
      if (ratio && *ratio > 0) all.push_back(*ratio);  // of zeros alone nothing could be clipped to
  }
  const double typical = median(std::move(all));
  for (std::size_t g = 0; g < curves.size(); ++g) {
    const auto points =
        of_curve[g] != nullptr ? ratio_points(*of_curve[g], ratios[g], typical) : std::vector<ratio_point>{{0, std::log(typical)}};
    double highest = 0;
    for (std::size_t t = 0; t < errors[g].size(); ++t) {
      highest = std::max(highest, errors[g][t] * ratio_at(points, static_cast<std::int64_t>(t)));
      errors[g][t] = highest;
    }
  }
  return errors;
}

}  // namespace sirfp
