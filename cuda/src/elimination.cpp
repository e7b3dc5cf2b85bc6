// The host's part of the elimination: matrices to the device, what the scan found, the scale, results back.
#include "sirfp/elimination.hpp"

#include <bit>
#include <cmath>
#include <memory>
#include <utility>

#include "cuda_backend.hpp"
#include "device_array.hpp"
#include "elimination_kernels.hpp"
#include "redundancy_defect.hpp"
#include "redundancy_scale.hpp"

namespace sirfp {
namespace {

std::int64_t bytes_of(const redundancy_matrix& matrix) {
  const std::int64_t elements = (matrix.channels - 1) * matrix.row_stride + matrix.channels;
  return elements * (matrix.is_double ? 8 : 4);
}

std::vector<std::int64_t> widths_of(std::span<const redundancy_matrix> matrices) {
  std::vector<std::int64_t> widths;
  for (const redundancy_matrix& matrix : matrices) widths.push_back(matrix.channels);
  return widths;
}

// A batch on the device: matrices that are on the host are copied.
class batch {
 public:
  batch(std::span<const redundancy_matrix> matrices, std::int64_t first, const device_facts& facts, void* stream)
      : matrices_(matrices),
        first_(first),
        stream_(stream),
        plan_(plan_elimination(widths_of(matrices), facts)),
        fixed_(plan_.fixed_bytes, stream),
        order_(plan_.rows, stream),
        degree_(plan_.rows, stream),
        diagonal_(plan_.rows, stream) {
    for (const elimination_slot& slot : plan_.slots) jobs_.push_back(job_of(slot));
  }

  void check_and_scale_sync() {
    const device_array<elimination_job> jobs(std::span<const elimination_job>(jobs_), stream_);
    device_array<elimination_finding> found(static_cast<std::int64_t>(jobs_.size()), stream_);
    found.zero();
    launch_elimination_scan(plan_, jobs.data(), found.data(), stream_);
    const std::vector<elimination_finding> findings = found.to_host_sync();
    expect_sound_sync(findings);
    for (std::size_t s = 0; s < jobs_.size(); ++s) {
      const int shift = redundancy_shift(std::bit_cast<double>(findings[s].largest_bits), jobs_[s].channels);
      shift_.push_back(shift);
      constexpr int safe = 1000;  // 2^1000 and its inverse are normal doubles; beyond, two factors
      const int first = shift > safe || shift < -safe ? shift / 2 : shift;
      jobs_[s].first_scale = std::ldexp(1.0, first);
      jobs_[s].second_scale = std::ldexp(1.0, shift - first);
    }
  }

  void eliminate_sync(std::span<elimination> results) {
    const device_array<elimination_job> jobs(std::span<const elimination_job>(jobs_), stream_);
    const device_array<std::int64_t> degrees(plan_.rows, stream_);
    device_array<unsigned> queue(1, stream_);
    queue.zero();
    launch_elimination(plan_, jobs.data(), degrees.data(), {order_.data(), degree_.data(), diagonal_.data()}, queue.data(), stream_);
    const std::vector<std::int32_t> order = order_.to_host_sync();
    const std::vector<std::int64_t> degree = degree_.to_host_sync();
    const std::vector<std::int64_t> diagonal = diagonal_.to_host_sync();
    for (std::size_t s = 0; s < jobs_.size(); ++s) {
      const auto first = static_cast<std::size_t>(plan_.slots[s].first_row);
      const auto count = static_cast<std::size_t>(plan_.slots[s].channels);
      results[static_cast<std::size_t>(plan_.slots[s].matrix)] =
          result_of(std::span(order).subspan(first, count), std::span(degree).subspan(first, count),
                    std::span(diagonal).subspan(first, count), shift_[s]);
    }
  }

 private:
  elimination_job job_of(const elimination_slot& slot) {
    const redundancy_matrix& matrix = matrices_[static_cast<std::size_t>(slot.matrix)];
    const void* data = matrix.data;
    if (!device::is_device_memory(data)) {
      const std::span host(static_cast<const std::byte*>(data), static_cast<std::size_t>(bytes_of(matrix)));
      copies_.push_back(std::make_unique<device_array<std::byte>>(host, stream_));
      data = copies_.back()->data();
    }
    return {.matrix = data,
            .row_stride = matrix.row_stride,
            .fixed = fixed_.data() + slot.fixed_offset,
            .stride = slot.stride,
            .first_row = slot.first_row,
            .first_tile = slot.first_tile,
            .first_scale = 1,
            .second_scale = 1,
            .channels = static_cast<std::int32_t>(slot.channels),
            .is_double = matrix.is_double,
            .wide = slot.wide};
  }

  // Core words what is wrong, from the host: the first matrix of the caller's batch that has something.
  void expect_sound_sync(const std::vector<elimination_finding>& findings) const {
    std::int64_t bad = -1;
    for (std::size_t s = 0; s < findings.size(); ++s) {
      const bool sound = findings[s].asymmetric == 0 && std::isfinite(std::bit_cast<double>(findings[s].largest_bits));
      if (!sound && (bad < 0 || plan_.slots[s].matrix < bad)) bad = plan_.slots[s].matrix;
    }
    if (bad < 0) return;
    redundancy_matrix matrix = matrices_[static_cast<std::size_t>(bad)];
    std::vector<double> host(static_cast<std::size_t>(bytes_of(matrix) + 7) / 8);
    if (device::is_device_memory(matrix.data)) {
      device::copy_to_host_sync(host.data(), matrix.data, static_cast<std::size_t>(bytes_of(matrix)), stream_);
      matrix.data = host.data();
    }
    expect_redundancy(matrix, first_ + bad);
  }

  static elimination result_of(std::span<const std::int32_t> order, std::span<const std::int64_t> degree,
                               std::span<const std::int64_t> diagonal, int shift) {
    const auto value = [shift](std::int64_t fixed) { return std::ldexp(static_cast<double>(fixed), -shift); };
    std::int64_t left = 0;
    for (std::size_t t = 0; t < order.size(); ++t) left += 2 * degree[t] - diagonal[t];
    elimination result{{order.begin(), order.end()}, {}, {value(left)}};
    for (std::size_t t = 0; t < order.size(); ++t) {
      left -= 2 * degree[t] - diagonal[t];
      result.marginals.push_back(value(degree[t]));
      result.curve.push_back(value(left));
    }
    return result;
  }

  std::span<const redundancy_matrix> matrices_;
  std::int64_t first_;  // of them, in the caller's batch
  void* stream_;
  elimination_plan plan_;
  device_array<std::byte> fixed_;
  device_array<std::int32_t> order_;
  device_array<std::int64_t> degree_;
  device_array<std::int64_t> diagonal_;
  std::vector<std::unique_ptr<device_array<std::byte>>> copies_;
  std::vector<elimination_job> jobs_;
  std::vector<int> shift_;
};

// `first`: the position of matrices[0] in the caller's batch.
void eliminate_sync(std::span<const redundancy_matrix> matrices, std::int64_t first, const device_facts& facts, void* stream,
                    std::span<elimination> results) {
  try {
    batch all(matrices, first, facts, stream);
    all.check_and_scale_sync();
    all.eliminate_sync(results);
    return;
  } catch (const device::out_of_memory&) {
    if (matrices.size() <= 1) throw;
  }
  const std::size_t half = matrices.size() / 2;
  eliminate_sync(matrices.first(half), first, facts, stream, results.first(half));
  eliminate_sync(matrices.subspan(half), first + static_cast<std::int64_t>(half), facts, stream, results.subspan(half));
}

}  // namespace

void cuda_backend::eliminate(const context& ctx, std::span<const redundancy_matrix> matrices, std::span<elimination> results) const {
  const device::device_scope scope(device_);
  for (elimination& result : results) result.curve.assign(1, 0.0);  // of a matrix without channels
  eliminate_sync(matrices, 0, facts_, ctx.stream, results);
}

}  // namespace sirfp
