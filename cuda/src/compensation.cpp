// The host's part of the compensation: which positions stay, the regularisation, and the calls of kernels and libraries in their order.
#include "sirfp/compensation.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "compensation_kernels.hpp"
#include "cuda_backend.hpp"
#include "device_array.hpp"
#include "entry/checks.hpp"
#include "sirfp/expects.hpp"
#include "weight_parts.hpp"

namespace sirfp {
namespace {

struct split_positions {
  explicit split_positions(std::span<const std::uint8_t> kept_position) {
    for (std::size_t i = 0; i < kept_position.size(); ++i) (kept_position[i] != 0 ? kept : removed).push_back(static_cast<std::int32_t>(i));
  }
  std::vector<std::int32_t> kept, removed;
};

// Mean and variances of all channels are looked at on the host, which needs the variances for the regularisation. Variances are brought to
// a power of two near 1, as on the host. Waits.
struct measured_site {
  measured_site(const moments_state& site, const device_facts& facts, void* stream) {
    const double weight = weight_sync(site);
    on_device = {site.mean.data(), site.scatter.data(), weight > 0 ? 1 / weight : 0, 1, 1};
    const device_array<double> diagonal(site.channels, stream);
    launch_compensation_diagonal(facts, site.scatter.data(), site.channels, diagonal.data(), stream);
    const std::vector<double> variance = diagonal.to_host_sync();
    const std::vector<double> mean = site.mean.to_host_sync();
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double scaled = variance[i] * on_device.inverse_weight;
      SIRFP_EXPECTS(std::isfinite(mean[i]), "mean of channel ", i, " is ", mean[i], ", expected a finite number");
      SIRFP_EXPECTS(std::isfinite(scaled) && scaled >= 0, "covariance of channels ", i, " and ", i, " is ", scaled,
                    ", expected a finite number, not negative");
      mean_diagonal += scaled / static_cast<double>(site.channels);
    }
    int exponent = 0;
    mean_diagonal = std::frexp(mean_diagonal, &exponent);
    on_device.first_power = std::ldexp(1.0, -(exponent / 2));
    on_device.second_power = std::ldexp(1.0, -(exponent - exponent / 2));
  }
  compensation_site on_device{};
  double mean_diagonal = 0;
};

// What stays on the device as long as the prediction is there.
struct resident_arrays {
  resident_arrays(const split_positions& split, void* stream)
      : kept(std::span<const std::int32_t>(split.kept), stream),
        removed(std::span<const std::int32_t>(split.removed), stream),
        offset(static_cast<std::int64_t>(split.removed.size()), stream) {
    offset.zero();
  }
  device_array<std::int32_t> kept, removed;
  device_array<double> offset;                 // [removed]
  std::optional<device_array<double>> matrix;  // [removed x kept]; without one the kept positions say nothing
};

class cuda_prediction final : public resident_prediction {
 public:
  // `backend` has the libraries and outlives what it made.
  cuda_prediction(std::shared_ptr<const backend> backend, const cuda_libraries& libraries, int device, const device_facts& facts,
                  const split_positions& split, void* stream)
      : backend_(std::move(backend)),
        libraries_(libraries),
        device_(device),
        facts_(facts),
        stream_(stream),
        arrays_(std::make_unique<resident_arrays>(split, stream)),
        at_{arrays_->kept.data(), arrays_->removed.data(), static_cast<std::int64_t>(split.kept.size()),
            static_cast<std::int64_t>(split.removed.size())} {}
  cuda_prediction(const cuda_prediction&) = delete;
  cuda_prediction& operator=(const cuda_prediction&) = delete;
  ~cuda_prediction() override {
    try {
      const device::device_scope scope(device_);
      arrays_.reset();
    } catch (const failure&) {  // a lost device has lost its memory too
    }
  }

  void predict_sync(const measured_site& site, compensation how, double lambda) {
    if (how == compensation::none || at_.removed_count == 0) return;
    if (how == compensation::least_squares && site.mean_diagonal != 0 && at_.kept_count != 0) solve_sync(site, lambda);
    launch_compensation_offsets(facts_, site.on_device, at_, arrays_->matrix ? arrays_->matrix->data() : nullptr, arrays_->offset.data(),
                                stream_);
  }

  std::vector<double> fold_sync(std::span<double> weight, std::int64_t outputs, std::int64_t taps) const override {
    const std::int64_t inputs = at_.kept_count + at_.removed_count;
    SIRFP_EXPECTS(outputs >= 0 && taps >= 0 && static_cast<std::int64_t>(weight.size()) == outputs * inputs * taps,
                  "weight: ", weight.size(), " numbers, expected ", outputs, " outputs x ", inputs, " inputs x ", taps, " taps");
    std::vector<double> bias(static_cast<std::size_t>(outputs), 0.0);
    if (at_.removed_count == 0 || taps == 0) return bias;
    const device::device_scope scope(device_);
    std::vector<double> folded(weight.begin(), weight.end());  // an error leaves the caller's as they are
    const std::int64_t step = outputs_at_once(inputs, taps);
    for (std::int64_t first = 0; first < outputs; first += step) {
      const std::int64_t count = std::min(step, outputs - first);
      fold_part_sync(
          std::span(folded).subspan(static_cast<std::size_t>(first * inputs * taps), static_cast<std::size_t>(count * inputs * taps)),
          std::span(bias).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)), taps);
    }
    std::copy(folded.begin(), folded.end(), weight.begin());
    return bias;
  }

  // Without a power of two: nothing is solved with them.
  std::vector<double> explained_sync(const moments_state& site) const override {
    const std::int64_t inputs = at_.kept_count + at_.removed_count;
    SIRFP_EXPECTS(site.channels == inputs, "moments of ", site.channels, " channels for a prediction of ", inputs);
    entry::check_space("moments", site.scatter.space(), memory_space::cuda);
    const device::device_scope scope(device_);
    if (!arrays_->matrix) return std::vector<double>(static_cast<std::size_t>(at_.removed_count), 0.0);
    const double weight = weight_sync(site);
    const device_array<double> explained(at_.removed_count, stream_);
    launch_compensation_explained(facts_, {site.mean.data(), site.scatter.data(), weight > 0 ? 1 / weight : 0, 1, 1}, at_,
                                  arrays_->matrix->data(), explained.data(), stream_);
    return explained.to_host_sync();
  }

  std::vector<double> row_sync(std::int64_t removed) const override {
    SIRFP_EXPECTS(removed >= 0 && removed < at_.removed_count, "row ", removed, " of a prediction of ", at_.removed_count, " channels");
    std::vector<double> row(static_cast<std::size_t>(at_.kept_count), 0.0);
    if (!arrays_->matrix) return row;
    const device::device_scope scope(device_);
    device::copy_to_host_sync(row.data(), arrays_->matrix->data() + removed * at_.kept_count, row.size() * sizeof(double), stream_);
    return row;
  }

 private:
  // matrix = Sigma_RK (Sigma_KK + r)^-1. Waits once for every time that the system was too near to singular, and at the end, for the
  // solver's own memory is the next caller's.
  void solve_sync(const measured_site& site, double lambda) {
    const std::int64_t n = at_.kept_count;
    SIRFP_EXPECTS(n <= device::dense_solver::most_rows, "compensation from ", n, " channels, the cuda backend takes ",
                  device::dense_solver::most_rows, " at most");
    const cuda_libraries::held_solver solver = libraries_.solver();
    const device_array<double> system(n * n, stream_);
    const device_array<double> workspace(solver->workspace_doubles(n), stream_);
    const device_array<std::int32_t> failed(1, stream_);
    arrays_->matrix.emplace(at_.removed_count * n, stream_);
    regularisation used = regularisation::first(n, site.mean_diagonal, lambda);
    for (;; used = used.grown(site.mean_diagonal)) {
      if (!std::isfinite(used.common)) throw failure("compensation: no Cholesky factor");
      launch_compensation_system(facts_, site.on_device, at_, used, system.data(), stream_);
      solver->cholesky(system.data(), n, workspace.data(), failed.data(), stream_);
      if (failed.to_host_sync().front() == 0) break;
    }
    launch_compensation_right_sides(facts_, site.on_device, at_, arrays_->matrix->data(), stream_);
    solver->solve_from_cholesky(system.data(), n, arrays_->matrix->data(), at_.removed_count, workspace.data(), stream_);
    device::wait_sync(stream_);
  }

  void fold_part_sync(std::span<double> weight, std::span<double> bias, std::int64_t taps) const {
    const auto outputs = static_cast<std::int64_t>(bias.size());
    const device_array<double> values(std::span<const double>(weight), stream_);
    const device_array<double> taken(outputs * taps * at_.removed_count, stream_);
    const device_array<double> of_outputs(outputs, stream_);
    launch_compensation_take(facts_, values.data(), outputs, taps, at_, arrays_->offset.data(), taken.data(), of_outputs.data(), stream_);
    if (arrays_->matrix) {
      const device_array<double> folded(outputs * taps * at_.kept_count, stream_);
      libraries_.products().multiply({taken.data(), arrays_->matrix->data(), outputs * taps, at_.kept_count, at_.removed_count},
                                     folded.data(), stream_);
      launch_compensation_add(facts_, folded.data(), outputs, taps, at_, values.data(), stream_);
      device::copy_to_host_sync(weight.data(), values.data(), weight.size_bytes(), stream_);
    }
    device::copy_to_host_sync(bias.data(), of_outputs.data(), bias.size_bytes(), stream_);
  }

  std::shared_ptr<const backend> backend_;
  const cuda_libraries& libraries_;
  int device_;
  device_facts facts_;
  void* stream_;
  std::unique_ptr<resident_arrays> arrays_;
  compensation_positions at_;
};

}  // namespace

void cuda_backend::scatter_diagonal(const context& ctx, const moments_state& site, buffer& diagonal) const {
  const device::device_scope scope(device_);
  launch_compensation_diagonal(facts_, site.scatter.data(), site.channels, diagonal.data(), ctx.stream);
}

std::unique_ptr<const resident_prediction> cuda_backend::predict_sync(const context& ctx, const moments_state& site,
                                                                      std::span<const std::uint8_t> kept_position, compensation how,
                                                                      double lambda) const {
  const device::device_scope scope(device_);
  const measured_site measured(site, facts_, ctx.stream);
  auto prediction = std::make_unique<cuda_prediction>(ctx.backend, libraries_, device_, facts_, split_positions(kept_position), ctx.stream);
  prediction->predict_sync(measured, how, lambda);
  return prediction;
}

}  // namespace sirfp
