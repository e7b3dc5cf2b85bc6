// Computes          combine: into = a into + b from;   merge_moments: Chan's pairwise update of mean, scatter and weight
// Tile              256 threads, one element a thread and stride of the grid; merge_moments one row of the triangle a warp
// Shared/registers  none; few
// Traffic           each operand read once, the result written once: 24 bytes an element
// Accumulates in    fp64, every product and sum rounded by itself, so that the bits are those of the reference
// Order             element by element, no reduction
// Needs             nothing beyond 8-byte alignment
// Measured          not yet measured
#include <cstdint>

#include "cuda_backend.hpp"
#include "device/barriers.cuh"
#include "device/indices.cuh"
#include "device/launch.cuh"
#include "device/numbers.cuh"
#include "device/runtime.hpp"
#include "sirfp/device_notes.hpp"
#include "state_algebra_plan.hpp"

namespace sirfp {
namespace {

using device::add_rounded;
using device::multiply_rounded;

SIRFP_KERNEL combine_kernel(double* into, double scale_into, const double* from, double scale_from, std::int64_t size) {
  for (std::int64_t i = device::grid_thread(); i < size; i += device::grid_threads())
    into[i] = add_rounded(multiply_rounded(scale_into, into[i]), multiply_rounded(scale_from, from[i]));
}

// What a moments state is made of, with the part of its weight that the host knows.
struct moments_view {
  double* mean;
  double* scatter;
  double* notes;  // null: none
  double host_weight;

  SIRFP_DEVICE double weight() const { return add_rounded(host_weight, notes == nullptr ? 0 : notes[device_notes::weight]); }
};

SIRFP_KERNEL merge_scatter_kernel(moments_view into, moments_view from, std::int64_t channels) {
  const double total = add_rounded(into.weight(), from.weight());
  const double share = total > 0 ? from.weight() / total : 0;
  const double cross = multiply_rounded(into.weight(), share);
  const std::int64_t warps = device::grid_threads() / device::warp_size;
  for (std::int64_t i = device::grid_thread() / device::warp_size; i < channels; i += warps) {
    const double step = add_rounded(from.mean[i], -into.mean[i]);
    const std::int64_t row = i * (i + 1) / 2;
    for (std::int64_t j = device::lane_index(); j <= i; j += device::warp_size) {
      const double outer = multiply_rounded(cross, multiply_rounded(step, add_rounded(from.mean[j], -into.mean[j])));
      into.scatter[row + j] = add_rounded(into.scatter[row + j], add_rounded(from.scatter[row + j], outer));
    }
  }
}

// After merge_scatter_kernel, which reads the means and the weight as they were. One block, because the weight comes last.
SIRFP_KERNEL merge_means_kernel(moments_view into, moments_view from, std::int64_t channels) {
  const double total = add_rounded(into.weight(), from.weight());
  const double share = total > 0 ? from.weight() / total : 0;
  for (std::int64_t c = device::thread_index(); c < channels; c += device::block_threads())
    into.mean[c] = add_rounded(into.mean[c], multiply_rounded(share, add_rounded(from.mean[c], -into.mean[c])));
  device::block_barrier();
  if (device::thread_index() == 0) into.notes[device_notes::weight] = add_rounded(into.notes[device_notes::weight], from.weight());
}

SIRFP_KERNEL merge_notes_kernel(double* into, const double* from, std::int64_t images_before) {
  const int which = device::thread_index();
  if (which >= device_notes::words || which == device_notes::weight) return;
  auto* const to = reinterpret_cast<std::int64_t*>(into + which);
  const std::int64_t code = *reinterpret_cast<const std::int64_t*>(from + which);
  const std::int64_t moved = code == device_notes::none ? code : code - (images_before << 31);
  if (moved > *to) *to = moved;
}

}  // namespace

std::int64_t cuda_backend::note_words() const noexcept { return device_notes::words; }

void cuda_backend::merge_notes(const context& ctx, buffer& into, const buffer& from, std::int64_t images_before) const {
  const device::device_scope scope(device_);
  device::launch({.name = "merge_notes", .threads = device::warp_size}, ctx.stream, merge_notes_kernel, into.data(), from.data(),
                 images_before);
}

void cuda_backend::combine(const context& ctx, buffer& into, double scale_into, const buffer& from, double scale_from) const {
  const device::device_scope scope(device_);
  device::launch(plan_elementwise("combine", into.size(), facts_), ctx.stream, combine_kernel, into.data(), scale_into, from.data(),
                 scale_from, into.size());
}

void cuda_backend::merge_moments(const context& ctx, moments_state& into, const moments_state& from) const {
  const device::device_scope scope(device_);
  const auto view = [](const moments_state& state) {
    const auto writable = [](const buffer& values) { return const_cast<double*>(values.data()); };  // `from` is only read
    return moments_view{writable(state.mean), writable(state.scatter), writable(state.notes), state.host_weight};
  };
  const std::int64_t threads = into.channels * device::warp_size;
  device::launch(plan_elementwise("merge_scatter", threads, facts_), ctx.stream, merge_scatter_kernel, view(into), view(from),
                 into.channels);
  device::launch({.name = "merge_means", .threads = 256}, ctx.stream, merge_means_kernel, view(into), view(from), into.channels);
  into.images += from.images;
}

}  // namespace sirfp
